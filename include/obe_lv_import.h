#ifndef OBE_LV_IMPORT_H
#define OBE_LV_IMPORT_H

#ifdef __cplusplus
extern "C" {
#endif

int obe_lv_client_new(const char *address, int port, int *handle);
int obe_lv_server_new(const char *address, int port, int *handle);
int obe_lv_free(int handle);
int obe_lv_free_all(void);
int obe_lv_cancel(int handle);
int obe_lv_set_option(int handle, const char *name, const char *value);
int obe_lv_get_option(int handle, const char *name, char value[], int value_cap, int *value_size);
int obe_lv_port(int handle, int *port);
int obe_lv_send(int handle, const char *json, int timeout_ms);
int obe_lv_receive(int handle, int *message_size, int timeout_ms);
int obe_lv_tcmd(int handle, const char *json, int *reply_size, int timeout_ms);
int obe_lv_get_text(int handle, char text[], int text_cap, int *text_size);
int obe_lv_wait_ready(int handle, int timeout_ms);
int obe_lv_command_new(int handle, const char *command);
int obe_lv_set_double(int handle, const char *key, double value);
int obe_lv_set_int(int handle, const char *key, int value);
int obe_lv_set_bool(int handle, const char *key, int value);
int obe_lv_set_null(int handle, const char *key);
int obe_lv_set_string(int handle, const char *key, const char *text);
int obe_lv_set_doubles(int handle, const char *key, double values[], int values_count);
int obe_lv_set_matrix(int handle, const char *key, double values[], int rows, int cols);
int obe_lv_set_json(int handle, const char *key, const char *json);
int obe_lv_tcmd_message(int handle, int *reply_size, int timeout_ms);
int obe_lv_send_message(int handle, int timeout_ms);
int obe_lv_get_double(int handle, const char *pointer, double *value);
int obe_lv_get_int(int handle, const char *pointer, int *value);
int obe_lv_get_bool(int handle, const char *pointer, int *value);
int obe_lv_get_string(int handle, const char *pointer, char text[], int text_cap, int *text_size);
int obe_lv_get_json(int handle, const char *pointer, char text[], int text_cap, int *text_size);
int obe_lv_get_key(int handle, const char *pointer, int index, char key[], int key_cap, int *key_size);
int obe_lv_get_doubles(int handle, const char *pointer, double values[], int values_cap, int *values_count);
int obe_lv_get_matrix(int handle, const char *pointer, double values[], int values_cap, int *rows, int *cols);
int obe_lv_get_count(int handle, const char *pointer, int *count);
int obe_lv_get_type(int handle, const char *pointer, int *type);
int obe_lv_goodset1(int handle, double pickiness, double *x, int timeout_ms);
int obe_lv_optset1(int handle, double *x, int timeout_ms);
int obe_lv_goodset_ask(int handle, double pickiness, int timeout_ms);
int obe_lv_goodset_fetch(int handle, double x[], int x_cap, int *x_count, int timeout_ms);
int obe_lv_newdat1(int handle, double x, double y, double s, int timeout_ms);
int obe_lv_ready(int handle, int timeout_ms);
int obe_lv_newrun(int handle, const char *fields, int timeout_ms);
int obe_lv_optset(int handle, double setting[], int setting_cap, int *setting_count, int timeout_ms);
int obe_lv_goodset(int handle, double pickiness, double setting[], int setting_cap, int *setting_count, int timeout_ms);
int obe_lv_newdat(int handle, double x[], int x_count, double y[], int y_count, double s[], int s_count, int timeout_ms);
int obe_lv_getmean(int handle, double mean[], int mean_cap, int *mean_count, int timeout_ms);
int obe_lv_getstd(int handle, double deviation[], int deviation_cap, int *deviation_count, int timeout_ms);
int obe_lv_getcov(int handle, double covariance[], int covariance_cap, int *rows, int *cols, int timeout_ms);
int obe_lv_getpar(int handle, double parameters[], int parameters_cap, int *rows, int *cols, int timeout_ms);
int obe_lv_getwgt(int handle, double weights[], int weights_cap, int *weights_count, int timeout_ms);
int obe_lv_getset(int handle, double settings[], int settings_cap, int *rows, int *cols, int timeout_ms);
int obe_lv_getcon(int handle, double constants[], int constants_cap, int *constants_count, int timeout_ms);
int obe_lv_done(int handle, int timeout_ms);
int obe_lv_strerror(int code, char text[], int text_cap, int *text_size);
int obe_lv_last_error(int handle, char text[], int text_cap, int *text_size);
int obe_lv_version(int *major, int *minor, int *patch);
int obe_lv_pointer_size(int *size);

#ifdef __cplusplus
}
#endif

#endif

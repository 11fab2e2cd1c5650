/* The prototypes of all functions of the headers, with integers instead of pointers, as Go
 * exports them (args.go). This file contains no code. The compiler compares the prototypes
 * with those that cgo generated.
 *
 * Generated from capi/ by "make generate"; do not edit.
 */
#include "_cgo_export.h"

obe_status obe_client_new(GoUintptr address, int32_t port, GoUintptr client);
obe_status obe_server_new(GoUintptr address, int32_t port, GoUintptr server);
obe_status obe_free(obe_socket socket);
obe_status obe_send(obe_socket socket, GoUintptr json, int64_t length,
                    int64_t timeout_ms);
obe_status obe_receive(obe_socket socket, GoUintptr buffer, int64_t capacity,
                       GoUintptr length, int64_t timeout_ms);
obe_status obe_tcmd(obe_socket client, GoUintptr json, int64_t length,
                    GoUintptr reply, int64_t capacity, GoUintptr reply_length,
                    int64_t timeout_ms);
obe_status obe_close(obe_socket socket);
obe_status obe_cancel(obe_socket socket);
obe_status obe_wait_ready(obe_socket client, int64_t timeout_ms);
obe_status obe_port(obe_socket server, GoUintptr port);
obe_status obe_message_new(GoUintptr json, int64_t length, GoUintptr message);
obe_status obe_command_new(GoUintptr command, GoUintptr message);
obe_status obe_message_free(obe_message message);
obe_status obe_set_double(obe_message message, GoUintptr key, double value);
obe_status obe_set_int(obe_message message, GoUintptr key, int64_t value);
obe_status obe_set_bool(obe_message message, GoUintptr key, int32_t value);
obe_status obe_set_null(obe_message message, GoUintptr key);
obe_status obe_set_string(obe_message message, GoUintptr key, GoUintptr text,
                          int64_t length);
obe_status obe_set_doubles(obe_message message, GoUintptr key,
                           GoUintptr values, int64_t count);
obe_status obe_set_matrix(obe_message message, GoUintptr key, GoUintptr values,
                          int64_t rows, int64_t cols);
obe_status obe_set_json(obe_message message, GoUintptr key, GoUintptr json,
                        int64_t length);
obe_status obe_get_double(obe_message message, GoUintptr pointer,
                          GoUintptr value);
obe_status obe_get_int(obe_message message, GoUintptr pointer,
                       GoUintptr value);
obe_status obe_get_bool(obe_message message, GoUintptr pointer,
                        GoUintptr value);
obe_status obe_get_string(obe_message message, GoUintptr pointer,
                          GoUintptr buffer, int64_t capacity,
                          GoUintptr length);
obe_status obe_get_json(obe_message message, GoUintptr pointer,
                        GoUintptr buffer, int64_t capacity, GoUintptr length);
obe_status obe_get_key(obe_message message, GoUintptr pointer, int64_t index,
                       GoUintptr buffer, int64_t capacity, GoUintptr length);
obe_status obe_get_doubles(obe_message message, GoUintptr pointer,
                           GoUintptr values, int64_t capacity,
                           GoUintptr count);
obe_status obe_get_matrix(obe_message message, GoUintptr pointer,
                          GoUintptr values, int64_t capacity, GoUintptr rows,
                          GoUintptr cols);
obe_status obe_get_type(obe_message message, GoUintptr pointer,
                        GoUintptr type);
obe_status obe_get_count(obe_message message, GoUintptr pointer,
                         GoUintptr count);
obe_status obe_send_message(obe_socket socket, obe_message message,
                            int64_t timeout_ms);
obe_status obe_receive_message(obe_socket socket, GoUintptr message,
                               int64_t timeout_ms);
obe_status obe_tcmd_message(obe_socket client, obe_message command,
                            GoUintptr reply, int64_t timeout_ms);
obe_status obe_reply(obe_message request, GoUintptr json, int64_t length,
                     int64_t timeout_ms);
obe_status obe_reply_message(obe_message request, obe_message message,
                             int64_t timeout_ms);
obe_status obe_message_peer(obe_message message, GoUintptr buffer,
                            int64_t capacity, GoUintptr length);
obe_status obe_serve(obe_socket server, GoUintptr handler, GoUintptr user,
                     GoUintptr stop);
obe_status obe_query(obe_socket client, GoUintptr command, obe_message fields,
                     GoUintptr reply, int64_t timeout_ms);
obe_status obe_check_reply(obe_message reply, GoUintptr command);
obe_status obe_goodset_ask(obe_socket client, double pickiness,
                           int64_t timeout_ms);
obe_status obe_goodset_fetch(obe_socket client, GoUintptr setting,
                             int64_t capacity, GoUintptr count,
                             int64_t timeout_ms);
obe_status obe_ready(obe_socket client, int64_t timeout_ms);
obe_status obe_newrun(obe_socket client, obe_message fields,
                      int64_t timeout_ms);
obe_status obe_optset(obe_socket client, GoUintptr setting, int64_t capacity,
                      GoUintptr count, int64_t timeout_ms);
obe_status obe_goodset(obe_socket client, double pickiness, GoUintptr setting,
                       int64_t capacity, GoUintptr count, int64_t timeout_ms);
obe_status obe_newdat(obe_socket client, GoUintptr x, int64_t x_count,
                      GoUintptr y, int64_t y_count, GoUintptr s,
                      int64_t s_count, int64_t timeout_ms);
obe_status obe_getmean(obe_socket client, GoUintptr mean, int64_t capacity,
                       GoUintptr count, int64_t timeout_ms);
obe_status obe_getstd(obe_socket client, GoUintptr deviation, int64_t capacity,
                      GoUintptr count, int64_t timeout_ms);
obe_status obe_getcov(obe_socket client, GoUintptr covariance,
                      int64_t capacity, GoUintptr rows, GoUintptr cols,
                      int64_t timeout_ms);
obe_status obe_getpar(obe_socket client, GoUintptr parameters,
                      int64_t capacity, GoUintptr rows, GoUintptr cols,
                      int64_t timeout_ms);
obe_status obe_getwgt(obe_socket client, GoUintptr weights, int64_t capacity,
                      GoUintptr count, int64_t timeout_ms);
obe_status obe_getset(obe_socket client, GoUintptr settings, int64_t capacity,
                      GoUintptr rows, GoUintptr cols, int64_t timeout_ms);
obe_status obe_getcon(obe_socket client, GoUintptr constants, int64_t capacity,
                      GoUintptr count, int64_t timeout_ms);
obe_status obe_done(obe_socket client, int64_t timeout_ms);
obe_status obe_set_option(obe_socket socket, GoUintptr name, GoUintptr value);
obe_status obe_get_option(obe_socket socket, GoUintptr name, GoUintptr buffer,
                          int64_t capacity, GoUintptr length);
obe_status obe_get_stat(obe_socket socket, GoUintptr name, GoUintptr value);
obe_status obe_last_error(GoUintptr handle, GoUintptr buffer, int64_t capacity,
                          GoUintptr length);
const char *obe_strerror(obe_status status);
const char *obe_version(void);

int obe_lv_client_new(GoUintptr address, int port, GoUintptr handle);
int obe_lv_server_new(GoUintptr address, int port, GoUintptr handle);
int obe_lv_free(int handle);
int obe_lv_free_all(void);
int obe_lv_cancel(int handle);
int obe_lv_set_option(int handle, GoUintptr name, GoUintptr value);
int obe_lv_get_option(int handle, GoUintptr name, GoUintptr value,
                      int value_cap, GoUintptr value_size);
int obe_lv_port(int handle, GoUintptr port);
int obe_lv_send(int handle, GoUintptr json, int timeout_ms);
int obe_lv_receive(int handle, GoUintptr message_size, int timeout_ms);
int obe_lv_tcmd(int handle, GoUintptr json, GoUintptr reply_size,
                int timeout_ms);
int obe_lv_get_text(int handle, GoUintptr text, int text_cap,
                    GoUintptr text_size);
int obe_lv_wait_ready(int handle, int timeout_ms);
int obe_lv_command_new(int handle, GoUintptr command);
int obe_lv_set_double(int handle, GoUintptr key, double value);
int obe_lv_set_int(int handle, GoUintptr key, int value);
int obe_lv_set_bool(int handle, GoUintptr key, int value);
int obe_lv_set_null(int handle, GoUintptr key);
int obe_lv_set_string(int handle, GoUintptr key, GoUintptr text);
int obe_lv_set_doubles(int handle, GoUintptr key, GoUintptr values,
                       int values_count);
int obe_lv_set_matrix(int handle, GoUintptr key, GoUintptr values, int rows,
                      int cols);
int obe_lv_set_json(int handle, GoUintptr key, GoUintptr json);
int obe_lv_tcmd_message(int handle, GoUintptr reply_size, int timeout_ms);
int obe_lv_send_message(int handle, int timeout_ms);
int obe_lv_get_double(int handle, GoUintptr pointer, GoUintptr value);
int obe_lv_get_int(int handle, GoUintptr pointer, GoUintptr value);
int obe_lv_get_bool(int handle, GoUintptr pointer, GoUintptr value);
int obe_lv_get_string(int handle, GoUintptr pointer, GoUintptr text,
                      int text_cap, GoUintptr text_size);
int obe_lv_get_json(int handle, GoUintptr pointer, GoUintptr text,
                    int text_cap, GoUintptr text_size);
int obe_lv_get_key(int handle, GoUintptr pointer, int index, GoUintptr key,
                   int key_cap, GoUintptr key_size);
int obe_lv_get_doubles(int handle, GoUintptr pointer, GoUintptr values,
                       int values_cap, GoUintptr values_count);
int obe_lv_get_matrix(int handle, GoUintptr pointer, GoUintptr values,
                      int values_cap, GoUintptr rows, GoUintptr cols);
int obe_lv_get_count(int handle, GoUintptr pointer, GoUintptr count);
int obe_lv_get_type(int handle, GoUintptr pointer, GoUintptr type);
int obe_lv_goodset1(int handle, double pickiness, GoUintptr x, int timeout_ms);
int obe_lv_optset1(int handle, GoUintptr x, int timeout_ms);
int obe_lv_goodset_ask(int handle, double pickiness, int timeout_ms);
int obe_lv_goodset_fetch(int handle, GoUintptr x, int x_cap, GoUintptr x_count,
                         int timeout_ms);
int obe_lv_newdat1(int handle, double x, double y, double s, int timeout_ms);
int obe_lv_ready(int handle, int timeout_ms);
int obe_lv_newrun(int handle, GoUintptr fields, int timeout_ms);
int obe_lv_optset(int handle, GoUintptr setting, int setting_cap,
                  GoUintptr setting_count, int timeout_ms);
int obe_lv_goodset(int handle, double pickiness, GoUintptr setting,
                   int setting_cap, GoUintptr setting_count, int timeout_ms);
int obe_lv_newdat(int handle, GoUintptr x, int x_count, GoUintptr y,
                  int y_count, GoUintptr s, int s_count, int timeout_ms);
int obe_lv_getmean(int handle, GoUintptr mean, int mean_cap,
                   GoUintptr mean_count, int timeout_ms);
int obe_lv_getstd(int handle, GoUintptr deviation, int deviation_cap,
                  GoUintptr deviation_count, int timeout_ms);
int obe_lv_getcov(int handle, GoUintptr covariance, int covariance_cap,
                  GoUintptr rows, GoUintptr cols, int timeout_ms);
int obe_lv_getpar(int handle, GoUintptr parameters, int parameters_cap,
                  GoUintptr rows, GoUintptr cols, int timeout_ms);
int obe_lv_getwgt(int handle, GoUintptr weights, int weights_cap,
                  GoUintptr weights_count, int timeout_ms);
int obe_lv_getset(int handle, GoUintptr settings, int settings_cap,
                  GoUintptr rows, GoUintptr cols, int timeout_ms);
int obe_lv_getcon(int handle, GoUintptr constants, int constants_cap,
                  GoUintptr constants_count, int timeout_ms);
int obe_lv_done(int handle, int timeout_ms);
int obe_lv_strerror(int code, GoUintptr text, int text_cap,
                    GoUintptr text_size);
int obe_lv_last_error(int handle, GoUintptr text, int text_cap,
                      GoUintptr text_size);
int obe_lv_version(GoUintptr major, GoUintptr minor, GoUintptr patch);
int obe_lv_pointer_size(GoUintptr size);

int obe_lv_reserve(GoUintptr instance);
int obe_lv_unreserve(GoUintptr instance);
int obe_lv_abort(GoUintptr instance);
int obe_lv_client_new_i(GoUintptr address, int port, GoUintptr handle,
                        GoUintptr instance);
int obe_lv_server_new_i(GoUintptr address, int port, GoUintptr handle,
                        GoUintptr instance);
int obe_lv_send_i(int handle, GoUintptr json, int timeout_ms,
                  GoUintptr instance);
int obe_lv_receive_i(int handle, GoUintptr message_size, int timeout_ms,
                     GoUintptr instance);
int obe_lv_tcmd_i(int handle, GoUintptr json, GoUintptr reply_size,
                  int timeout_ms, GoUintptr instance);
int obe_lv_wait_ready_i(int handle, int timeout_ms, GoUintptr instance);
int obe_lv_tcmd_message_i(int handle, GoUintptr reply_size, int timeout_ms,
                          GoUintptr instance);
int obe_lv_send_message_i(int handle, int timeout_ms, GoUintptr instance);
int obe_lv_goodset1_i(int handle, double pickiness, GoUintptr x,
                      int timeout_ms, GoUintptr instance);
int obe_lv_optset1_i(int handle, GoUintptr x, int timeout_ms,
                     GoUintptr instance);
int obe_lv_goodset_ask_i(int handle, double pickiness, int timeout_ms,
                         GoUintptr instance);
int obe_lv_goodset_fetch_i(int handle, GoUintptr x, int x_cap,
                           GoUintptr x_count, int timeout_ms,
                           GoUintptr instance);
int obe_lv_newdat1_i(int handle, double x, double y, double s, int timeout_ms,
                     GoUintptr instance);
int obe_lv_ready_i(int handle, int timeout_ms, GoUintptr instance);
int obe_lv_newrun_i(int handle, GoUintptr fields, int timeout_ms,
                    GoUintptr instance);
int obe_lv_optset_i(int handle, GoUintptr setting, int setting_cap,
                    GoUintptr setting_count, int timeout_ms,
                    GoUintptr instance);
int obe_lv_goodset_i(int handle, double pickiness, GoUintptr setting,
                     int setting_cap, GoUintptr setting_count, int timeout_ms,
                     GoUintptr instance);
int obe_lv_newdat_i(int handle, GoUintptr x, int x_count, GoUintptr y,
                    int y_count, GoUintptr s, int s_count, int timeout_ms,
                    GoUintptr instance);
int obe_lv_getmean_i(int handle, GoUintptr mean, int mean_cap,
                     GoUintptr mean_count, int timeout_ms, GoUintptr instance);
int obe_lv_getstd_i(int handle, GoUintptr deviation, int deviation_cap,
                    GoUintptr deviation_count, int timeout_ms,
                    GoUintptr instance);
int obe_lv_getcov_i(int handle, GoUintptr covariance, int covariance_cap,
                    GoUintptr rows, GoUintptr cols, int timeout_ms,
                    GoUintptr instance);
int obe_lv_getpar_i(int handle, GoUintptr parameters, int parameters_cap,
                    GoUintptr rows, GoUintptr cols, int timeout_ms,
                    GoUintptr instance);
int obe_lv_getwgt_i(int handle, GoUintptr weights, int weights_cap,
                    GoUintptr weights_count, int timeout_ms,
                    GoUintptr instance);
int obe_lv_getset_i(int handle, GoUintptr settings, int settings_cap,
                    GoUintptr rows, GoUintptr cols, int timeout_ms,
                    GoUintptr instance);
int obe_lv_getcon_i(int handle, GoUintptr constants, int constants_cap,
                    GoUintptr constants_count, int timeout_ms,
                    GoUintptr instance);
int obe_lv_done_i(int handle, int timeout_ms, GoUintptr instance);
int obe_lv_get_text_h(int handle, GoUintptr text);
int obe_lv_last_error_h(int handle, GoUintptr text);
int obe_lv_get_string_h(int handle, GoUintptr pointer, GoUintptr text);
int obe_lv_get_json_h(int handle, GoUintptr pointer, GoUintptr text);
int obe_lv_get_key_h(int handle, GoUintptr pointer, int index, GoUintptr text);
int obe_lv_get_doubles_h(int handle, GoUintptr pointer, GoUintptr values);
int obe_lv_get_matrix_h(int handle, GoUintptr pointer, GoUintptr values);
int obe_lv_notify(int handle, int user_event);

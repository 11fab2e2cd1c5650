/* obe_labview_extra.h - what obe_labview.h leaves out
 *
 * These functions have parameters that LabVIEW's import wizard cannot take: the
 * instance data of a node, and LabVIEW's own strings and arrays. So they are kept
 * out of its sight, in this header, and their nodes are configured by hand;
 * bindings/labview says how. What obe_labview.h says of all functions holds here
 * too.
 *
 * Generated from capi/ by "make generate"; do not edit.
 */
#ifndef OBE_LABVIEW_EXTRA_H
#define OBE_LABVIEW_EXTRA_H

#ifdef __cplusplus
extern "C" {
#endif


/* ---- Abort ----
 *
 * obe_lv_reserve, obe_lv_unreserve and obe_lv_abort are for the page Callbacks of a
 * node's configuration. LabVIEW gives a node, and each clone of it, a slot for
 * instance data, and passes the slot to the callbacks; with a parameter of the
 * type Instance Data Pointer it passes it to the node's function too. So a node
 * that calls one of the functions with an i at the end of their names is ended by
 * the Abort button, while it blocks; and what it opened is closed when its
 * program stops. The slot holds a number, which this library checks.
 */

/* obe_lv_reserve is the Reserve callback. */
int obe_lv_reserve(void **instance);

/* obe_lv_unreserve is the Unreserve callback: it closes the handles that the
 * node opened and that are still open, with obe_lv_client_new_i and
 * obe_lv_server_new_i.
 */
int obe_lv_unreserve(void **instance);

/* obe_lv_abort is the Abort callback: it ends the call that the node is
 * blocked in and returns without waiting for that. The call returns
 * OBE_E_CANCELLED. Other calls on the same handle may be ended as by
 * obe_lv_cancel.
 */
int obe_lv_abort(void **instance);

/* obe_lv_client_new_i is obe_lv_client_new; the handle belongs to the node. */
int obe_lv_client_new_i(const char *address, int port, int *handle,
                        void **instance);

/* obe_lv_server_new_i is obe_lv_server_new; the handle belongs to the node. */
int obe_lv_server_new_i(const char *address, int port, int *handle,
                        void **instance);

/* obe_lv_send_i is obe_lv_send; the node's Abort ends it. */
int obe_lv_send_i(int handle, const char *json, int timeout_ms,
                  void **instance);

/* obe_lv_receive_i is obe_lv_receive; the node's Abort ends it. */
int obe_lv_receive_i(int handle, int *message_size, int timeout_ms,
                     void **instance);

/* obe_lv_tcmd_i is obe_lv_tcmd; the node's Abort ends it. */
int obe_lv_tcmd_i(int handle, const char *json, int *reply_size,
                  int timeout_ms, void **instance);

/* obe_lv_wait_ready_i is obe_lv_wait_ready; the node's Abort ends it. */
int obe_lv_wait_ready_i(int handle, int timeout_ms, void **instance);

/* obe_lv_tcmd_message_i is obe_lv_tcmd_message; the node's Abort ends it. */
int obe_lv_tcmd_message_i(int handle, int *reply_size, int timeout_ms,
                          void **instance);

/* obe_lv_send_message_i is obe_lv_send_message; the node's Abort ends it. */
int obe_lv_send_message_i(int handle, int timeout_ms, void **instance);

/* obe_lv_ready_i is obe_lv_ready; the node's Abort ends it. */
int obe_lv_ready_i(int handle, int timeout_ms, void **instance);

/* obe_lv_newrun_i is obe_lv_newrun; the node's Abort ends it. */
int obe_lv_newrun_i(int handle, const char *fields, int timeout_ms,
                    void **instance);

/* obe_lv_optset_i is obe_lv_optset; the node's Abort ends it. */
int obe_lv_optset_i(int handle, double setting[], int setting_cap,
                    int *setting_count, int timeout_ms, void **instance);

/* obe_lv_goodset_i is obe_lv_goodset; the node's Abort ends it. */
int obe_lv_goodset_i(int handle, double pickiness, double setting[],
                     int setting_cap, int *setting_count, int timeout_ms,
                     void **instance);

/* obe_lv_newdat_i is obe_lv_newdat; the node's Abort ends it. */
int obe_lv_newdat_i(int handle, double x[], int x_count, double y[],
                    int y_count, double s[], int s_count, int timeout_ms,
                    void **instance);

/* obe_lv_getmean_i is obe_lv_getmean; the node's Abort ends it. */
int obe_lv_getmean_i(int handle, double mean[], int mean_cap, int *mean_count,
                     int timeout_ms, void **instance);

/* obe_lv_getstd_i is obe_lv_getstd; the node's Abort ends it. */
int obe_lv_getstd_i(int handle, double deviation[], int deviation_cap,
                    int *deviation_count, int timeout_ms, void **instance);

/* obe_lv_getcov_i is obe_lv_getcov; the node's Abort ends it. */
int obe_lv_getcov_i(int handle, double covariance[], int covariance_cap,
                    int *rows, int *cols, int timeout_ms, void **instance);

/* obe_lv_getpar_i is obe_lv_getpar; the node's Abort ends it. */
int obe_lv_getpar_i(int handle, double parameters[], int parameters_cap,
                    int *rows, int *cols, int timeout_ms, void **instance);

/* obe_lv_getwgt_i is obe_lv_getwgt; the node's Abort ends it. */
int obe_lv_getwgt_i(int handle, double weights[], int weights_cap,
                    int *weights_count, int timeout_ms, void **instance);

/* obe_lv_getset_i is obe_lv_getset; the node's Abort ends it. */
int obe_lv_getset_i(int handle, double settings[], int settings_cap, int *rows,
                    int *cols, int timeout_ms, void **instance);

/* obe_lv_getcon_i is obe_lv_getcon; the node's Abort ends it. */
int obe_lv_getcon_i(int handle, double constants[], int constants_cap,
                    int *constants_count, int timeout_ms, void **instance);

/* obe_lv_done_i is obe_lv_done; the node's Abort ends it. */
int obe_lv_done_i(int handle, int timeout_ms, void **instance);


/* ---- LabVIEW's own memory ----
 *
 * The functions with an h at the end of their names put their result into a string
 * or an array of LabVIEW itself, of whatever size it is: no room has to be made
 * before. Configure the parameter as String Handle Pointer, or as an Array Handle
 * Pointer of 8-byte doubles. After a failure it is untouched. Outside LabVIEW they
 * return OBE_E_UNSUPPORTED, and OBE_E_MEMORY if LabVIEW has none left.
 */

/* obe_lv_get_text_h is obe_lv_get_text into a string of LabVIEW. */
int obe_lv_get_text_h(int handle, void *text);

/* obe_lv_last_error_h is obe_lv_last_error into a string of LabVIEW. */
int obe_lv_last_error_h(int handle, void *text);

/* obe_lv_get_string_h is obe_lv_get_string into a string of LabVIEW, which may
 * hold NULs.
 */
int obe_lv_get_string_h(int handle, const char *pointer, void *text);

/* obe_lv_get_doubles_h is obe_lv_get_doubles into a 1-D array of LabVIEW. */
int obe_lv_get_doubles_h(int handle, const char *pointer, void *values);

/* obe_lv_get_matrix_h is obe_lv_get_matrix into a 2-D array of LabVIEW. */
int obe_lv_get_matrix_h(int handle, const char *pointer, void *values);

#ifdef __cplusplus
}
#endif

#endif /* OBE_LABVIEW_EXTRA_H */

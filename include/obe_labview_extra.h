/* obe_labview_extra.h - functions that obe_labview.h leaves out
 *
 * These functions have parameters that LabVIEW's import wizard cannot
 * configure, the instance data of a node and LabVIEW's own strings and arrays,
 * or they need LabVIEW's user events. They are in a separate header that the
 * wizard does not see, and their nodes are configured by hand; see
 * bindings/labview. The conventions of obe_labview.h apply here too.
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
 * obe_lv_reserve, obe_lv_unreserve and obe_lv_abort are for the page Callbacks
 * of a node's configuration. LabVIEW keeps a slot for instance data for each
 * node, and for each clone of it, and passes the slot to the callbacks. If the
 * last parameter of the node has the type Instance Data Pointer, LabVIEW
 * passes the slot to the node's function too. The Abort button then ends a
 * blocked call of a function whose name ends with _i, and the handles that the
 * node created are freed when its program stops. The slot contains a number,
 * which the library checks.
 */

/* obe_lv_reserve is the Reserve callback. */
int obe_lv_reserve(void **instance);

/* obe_lv_unreserve is the Unreserve callback. It frees the handles that the
 * node created with obe_lv_client_new_i and obe_lv_server_new_i and that are
 * still open.
 */
int obe_lv_unreserve(void **instance);

/* obe_lv_abort is the Abort callback. It ends the call in which the node is
 * blocked, and returns without waiting for it. The call returns
 * OBE_E_CANCELLED. Other calls on the same handle may be cancelled too, as by
 * obe_lv_cancel.
 */
int obe_lv_abort(void **instance);

/* obe_lv_client_new_i is obe_lv_client_new. The handle belongs to the node. */
int obe_lv_client_new_i(const char *address, int port, int *handle,
                        void **instance);

/* obe_lv_server_new_i is obe_lv_server_new. The handle belongs to the node. */
int obe_lv_server_new_i(const char *address, int port, int *handle,
                        void **instance);

/* obe_lv_send_i is obe_lv_send. The node's Abort callback ends it. */
int obe_lv_send_i(int handle, const char *json, int timeout_ms,
                  void **instance);

/* obe_lv_receive_i is obe_lv_receive. The node's Abort callback ends it. */
int obe_lv_receive_i(int handle, int *message_size, int timeout_ms,
                     void **instance);

/* obe_lv_tcmd_i is obe_lv_tcmd. The node's Abort callback ends it. */
int obe_lv_tcmd_i(int handle, const char *json, int *reply_size,
                  int timeout_ms, void **instance);

/* obe_lv_wait_ready_i is obe_lv_wait_ready. The node's Abort callback ends it.
 */
int obe_lv_wait_ready_i(int handle, int timeout_ms, void **instance);

/* obe_lv_tcmd_message_i is obe_lv_tcmd_message. The node's Abort callback ends
 * it.
 */
int obe_lv_tcmd_message_i(int handle, int *reply_size, int timeout_ms,
                          void **instance);

/* obe_lv_send_message_i is obe_lv_send_message. The node's Abort callback ends
 * it.
 */
int obe_lv_send_message_i(int handle, int timeout_ms, void **instance);

/* obe_lv_goodset1_i is obe_lv_goodset1. The node's Abort callback ends it. */
int obe_lv_goodset1_i(int handle, double pickiness, double *x, int timeout_ms,
                      void **instance);

/* obe_lv_optset1_i is obe_lv_optset1. The node's Abort callback ends it. */
int obe_lv_optset1_i(int handle, double *x, int timeout_ms, void **instance);

/* obe_lv_goodset_ask_i is obe_lv_goodset_ask. The node's Abort callback ends
 * it.
 */
int obe_lv_goodset_ask_i(int handle, double pickiness, int timeout_ms,
                         void **instance);

/* obe_lv_goodset_fetch_i is obe_lv_goodset_fetch. The node's Abort callback
 * ends it.
 */
int obe_lv_goodset_fetch_i(int handle, double x[], int x_cap, int *x_count,
                           int timeout_ms, void **instance);

/* obe_lv_newdat1_i is obe_lv_newdat1. The node's Abort callback ends it. */
int obe_lv_newdat1_i(int handle, double x, double y, double s, int timeout_ms,
                     void **instance);

/* obe_lv_ready_i is obe_lv_ready. The node's Abort callback ends it. */
int obe_lv_ready_i(int handle, int timeout_ms, void **instance);

/* obe_lv_newrun_i is obe_lv_newrun. The node's Abort callback ends it. */
int obe_lv_newrun_i(int handle, const char *fields, int timeout_ms,
                    void **instance);

/* obe_lv_optset_i is obe_lv_optset. The node's Abort callback ends it. */
int obe_lv_optset_i(int handle, double setting[], int setting_cap,
                    int *setting_count, int timeout_ms, void **instance);

/* obe_lv_goodset_i is obe_lv_goodset. The node's Abort callback ends it. */
int obe_lv_goodset_i(int handle, double pickiness, double setting[],
                     int setting_cap, int *setting_count, int timeout_ms,
                     void **instance);

/* obe_lv_newdat_i is obe_lv_newdat. The node's Abort callback ends it. */
int obe_lv_newdat_i(int handle, double x[], int x_count, double y[],
                    int y_count, double s[], int s_count, int timeout_ms,
                    void **instance);

/* obe_lv_getmean_i is obe_lv_getmean. The node's Abort callback ends it. */
int obe_lv_getmean_i(int handle, double mean[], int mean_cap, int *mean_count,
                     int timeout_ms, void **instance);

/* obe_lv_getstd_i is obe_lv_getstd. The node's Abort callback ends it. */
int obe_lv_getstd_i(int handle, double deviation[], int deviation_cap,
                    int *deviation_count, int timeout_ms, void **instance);

/* obe_lv_getcov_i is obe_lv_getcov. The node's Abort callback ends it. */
int obe_lv_getcov_i(int handle, double covariance[], int covariance_cap,
                    int *rows, int *cols, int timeout_ms, void **instance);

/* obe_lv_getpar_i is obe_lv_getpar. The node's Abort callback ends it. */
int obe_lv_getpar_i(int handle, double parameters[], int parameters_cap,
                    int *rows, int *cols, int timeout_ms, void **instance);

/* obe_lv_getwgt_i is obe_lv_getwgt. The node's Abort callback ends it. */
int obe_lv_getwgt_i(int handle, double weights[], int weights_cap,
                    int *weights_count, int timeout_ms, void **instance);

/* obe_lv_getset_i is obe_lv_getset. The node's Abort callback ends it. */
int obe_lv_getset_i(int handle, double settings[], int settings_cap, int *rows,
                    int *cols, int timeout_ms, void **instance);

/* obe_lv_getcon_i is obe_lv_getcon. The node's Abort callback ends it. */
int obe_lv_getcon_i(int handle, double constants[], int constants_cap,
                    int *constants_count, int timeout_ms, void **instance);

/* obe_lv_done_i is obe_lv_done. The node's Abort callback ends it. */
int obe_lv_done_i(int handle, int timeout_ms, void **instance);


/* ---- LabVIEW's own memory ----
 *
 * The functions whose names end with _h store their result in a LabVIEW string
 * or array, which they resize, so that the diagram does not have to allocate
 * it in advance. Configure the parameter as String Handle Pointer, or as an
 * Array Handle Pointer of 8-byte doubles. After a failure the string or array
 * is unchanged. In a program other than LabVIEW they return OBE_E_UNSUPPORTED,
 * and also where the process has several run-time engines of LabVIEW and the
 * string or array does not show to which one it belongs. If LabVIEW is out of
 * memory, they return OBE_E_MEMORY.
 */

/* obe_lv_get_text_h is obe_lv_get_text with a LabVIEW string. */
int obe_lv_get_text_h(int handle, void *text);

/* obe_lv_last_error_h is obe_lv_last_error with a LabVIEW string. */
int obe_lv_last_error_h(int handle, void *text);

/* obe_lv_get_string_h is obe_lv_get_string with a LabVIEW string, which may
 * contain NULs.
 */
int obe_lv_get_string_h(int handle, const char *pointer, void *text);

/* obe_lv_get_json_h is obe_lv_get_json with a LabVIEW string. */
int obe_lv_get_json_h(int handle, const char *pointer, void *text);

/* obe_lv_get_key_h is obe_lv_get_key with a LabVIEW string. */
int obe_lv_get_key_h(int handle, const char *pointer, int index, void *text);

/* obe_lv_get_doubles_h is obe_lv_get_doubles with a 1-D LabVIEW array. */
int obe_lv_get_doubles_h(int handle, const char *pointer, void *values);

/* obe_lv_get_matrix_h is obe_lv_get_matrix with a 2-D LabVIEW array. */
int obe_lv_get_matrix_h(int handle, const char *pointer, void *values);


/* ---- User events ----
 *
 * An event structure can wait for the messages of a server, beside its other
 * events, instead of a loop that polls obe_lv_receive.
 */

/* obe_lv_notify posts a LabVIEW user event when a message is there for a
 * server's handle. user_event is the reference of an event whose data is one
 * I32; the data is the handle. 0 ends it, and so does obe_lv_free: after they
 * return, no event is posted. A program other than LabVIEW gets
 * OBE_E_UNSUPPORTED.
 *
 * The event says that obe_lv_receive will return a message at once, with
 * timeout 0. It is posted once for each message: the next one after
 * obe_lv_receive was called, if another message is there. A message of a
 * client whose last message is not answered is there when the reply is sent.
 * If LabVIEW refuses the event, because it was destroyed, no other one is
 * posted, and obe_lv_last_error says so. Set options before: the server begins
 * to work.
 */
int obe_lv_notify(int handle, int user_event);

#ifdef __cplusplus
}
#endif

#endif /* OBE_LABVIEW_EXTRA_H */

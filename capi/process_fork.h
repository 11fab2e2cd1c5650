/* A child of fork has a single thread and none of the Go runtime's. It is detected by a
 * flag that the C library's fork sets in it. Asking for the process ID would be a system
 * call in every function. */
extern int capi_in_child;

/* Whether Go was entered once, so that its runtime has started. */
extern int capi_entered;
void capi_note_entry(void);

/* Whether this thread is about to fork. The TLS model is that of Go's own thread-local
 * variable; any other would need another library. */
extern __thread int capi_forking __attribute__((tls_model("initial-exec")));

/* Enters Go and returns. */
void capi_enter(void);

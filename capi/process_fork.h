/* A child of fork has one thread, and none of the Go runtime's. It is told apart
 * by a flag that the C library sets in it: to ask for the process id would be a
 * system call in every function. */
extern int capi_in_child;

/* Whether Go was entered once, so that its runtime has started. */
extern int capi_entered;
void capi_note_entry(void);

/* Whether this thread is about to fork. (The model is that of Go's own thread-local
 * variable. Another would need one more library.) */
extern __thread int capi_forking __attribute__((tls_model("initial-exec")));

/* Enters Go, and does nothing there. */
void capi_enter(void);

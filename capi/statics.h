/* Memory in C that lives as long as the library. Leak checkers find pointers to C memory
 * here, but cannot look into Go's heap. */

/* The handles that were freed last; see handles.go. */
#define CAPI_QUARANTINE 4096
extern void *capi_quarantine[CAPI_QUARANTINE];

/* The constant texts that functions return; see statics.go. */
#define CAPI_TEXTS 64
extern char *capi_texts[CAPI_TEXTS];

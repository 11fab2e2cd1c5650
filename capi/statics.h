/* What the library keeps in C memory, where leak checkers look for it: Go's own
 * heap is closed to them. */

/* The handles that were freed last; see handles.go. */
#define CAPI_QUARANTINE 4096
extern void *capi_quarantine[CAPI_QUARANTINE];

/* The fixed texts that C gets to keep; see export_settings.go. */
#define CAPI_TEXTS 64
extern char *capi_texts[CAPI_TEXTS];

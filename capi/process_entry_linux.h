/* Puts the handler back by which libgc stops threads; see entry.c. */
void capi_restore_collector(void);

/* Makes libgc's signal handler run on the thread's own stack; see process_entry_linux.c. */
void capi_restore_collector(void);

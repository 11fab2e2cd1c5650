/* Restores the limit of open files (RLIMIT_NOFILE) that the process had when the library
 * was loaded. */
void capi_restore_descriptors(void);

/* Puts the limit of open descriptors back to what it was when the library was
 * loaded. */
void capi_restore_descriptors(void);

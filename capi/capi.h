/* What the export files share: the generated header, so that the compiler holds
 * cgo's prototypes against it, and a name for "const char", which a Go signature
 * cannot spell. */
#include "obe.h"
typedef const char obe_cchar;

/* What the files of LabVIEW's functions share: both of their headers, so that the
 * compiler holds cgo's prototypes against them, and names for parameters that the
 * headers spell as arrays, which a Go signature cannot. */
#ifndef CAPI_LABVIEW_H
#define CAPI_LABVIEW_H

#include "capi.h"
#include "obe_labview.h"
#include "obe_labview_extra.h"

typedef char obe_text;
typedef double obe_numbers;

#endif

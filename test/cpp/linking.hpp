// The functions of linking_other.cpp, for linking.cpp.
#include "obe.hpp"

obe::message create_message(const obe::cstring_ref &key);
int read_number(const obe::message &message);
void fail_with(obe_status status);

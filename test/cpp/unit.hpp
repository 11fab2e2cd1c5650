#include "obe.hpp"

obe::message make_document(const obe::name &key);
int read_number(const obe::message &document);
void fail_with(obe_status status);

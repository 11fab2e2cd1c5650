#include "unit.hpp"

obe::message make_document(const obe::name &key) { return obe::message("{}").set(key, 7); }
int read_number(const obe::message &document) { return document.get("/n", -1); }
void fail_with(obe_status status) { throw obe::error(status); }

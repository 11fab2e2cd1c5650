#include "linking.hpp"

obe::message create_message(const obe::cstring_ref &key) { return obe::message("{}").set(key, 7); }
int read_number(const obe::message &message) { return message.get("/n", -1); }
void fail_with(obe_status status) { throw obe::error(status); }

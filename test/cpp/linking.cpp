// One of two translation units, which may be of different language standards; both use what the header defines.
#include "linking.hpp"

#include <iostream>

int main()
{
    const std::string key = "a key that is too long for the small-string optimization";
    const obe::message created = create_message(key);
    if (created.get<int>("/" + key) != 7 || created.get(std::string("/x"), 1.5) != 1.5)
        return 1;
    if (read_number(obe::message("{\"n\": 8}")) != 8 || read_number(created) != -1)
        return 2;
    try {
        fail_with(OBE_E_TIMEOUT);
    } catch (const obe::error &e) {
        if (e.status() != OBE_E_TIMEOUT || e.code().category() != obe::category())
            return 3;
        std::cout << "linked ... 0 ms\n";
        return 0;
    }
    return 4;
}

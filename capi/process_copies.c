/* Two copies of the library in one process, from two folders or with two names, are two Go
 * runtimes: each has its own handles, and they compete for signals, memory limits and
 * threads. The copy that is called first works. The calls of any other one fail. */
#include "process_copies.h"

#include "process_modules.h"

/* Whether this copy has claimed the process. The other copies read it, so it is exported,
 * and its name and type never change. On ELF systems the name may refer to the variable of
 * another copy, so this file uses its own name. */
#ifdef __ELF__
static int claimed;
extern int obe_claimed __attribute__((alias("claimed"), visibility("default")));
#else
#ifdef _WIN32
#define EXPORTED __declspec(dllexport)
#else
#define EXPORTED
#endif
#define claimed obe_claimed
EXPORTED int obe_claimed;
#endif

int capi_claim(char own[CAPI_PATH], char other[CAPI_PATH])
{
    enum { COPIES = 16 };
    void *found[COPIES];
    size_t count, i;

    /* The claim precedes the search, so that of two copies that are called at the same
     * moment no more than one works. If both fail, the next call decides. */
    __atomic_store_n(&claimed, 1, __ATOMIC_SEQ_CST);
    count = capi_find_symbols("obe_claimed", found, COPIES);
    for (i = 0; i < count; i++) {
        if (found[i] == (void *)&claimed || !__atomic_load_n((int *)found[i], __ATOMIC_SEQ_CST))
            continue;
        __atomic_store_n(&claimed, 0, __ATOMIC_SEQ_CST);
        capi_module_path(&claimed, own, CAPI_PATH);
        capi_module_path(found[i], other, CAPI_PATH);
        return 0;
    }
    return 1;
}

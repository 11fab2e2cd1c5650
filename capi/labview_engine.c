#include "labview_engine.h"

#include "process_modules.h"

/* A process may have several engines: that of the program, and those of libraries which
 * other versions of LabVIEW built. All are looked for, under whatever names. */
enum { ENGINES = 8 };

/* MgErr DSCheckHandle(handle): 0 if the handle is a block of this engine's memory. */
typedef int32_t (*check_function)(void *handle);

/* MgErr PostLVUserEvent(reference, address of the data): copies the data and queues the
 * event. */
typedef int32_t (*post_function)(uint32_t event, void *data);

/* An engine that was found: two of its functions. */
struct engine {
    void *resize;
    check_function check; /* NULL: it has none */
};

static int owns(const struct engine *e, void *handle) { return e->check && e->check(handle) == 0; }

/* Returns an engine by its function NumericArrayResize, from a table that only grows, so that the function DSCheckHandle
 * need not be looked up for each string. NULL: the table is full. */
static const struct engine *engine_of(void *resize)
{
    static struct engine table[ENGINES];
    static int locked;
    struct engine e;
    int i;

    e.resize = resize;
    *(void **)&e.check = capi_find_beside(resize, "DSCheckHandle");
    capi_keep_loaded(resize); /* a later call uses its functions */
    while (__atomic_exchange_n(&locked, 1, __ATOMIC_ACQUIRE))
        ; /* for the few instructions below */
    for (i = 0; i < ENGINES && table[i].resize && table[i].resize != resize; i++)
        ;
    if (i < ENGINES && !table[i].resize)
        table[i] = e;
    __atomic_store_n(&locked, 0, __ATOMIC_RELEASE);
    return i < ENGINES ? &table[i] : NULL;
}

int lv_find_memory(void *handle, lv_resize *resize)
{
    static const struct engine *last; /* the engine that was used last; most processes have no other */
    const struct engine *engine = __atomic_load_n(&last, __ATOMIC_ACQUIRE), *owner = NULL;
    void *found[ENGINES];
    size_t count, i;

    if (!handle || !engine || !owns(engine, handle)) {
        count = capi_find_symbols("NumericArrayResize", found, ENGINES);
        if (!count)
            return LV_NOT_LABVIEW;
        if (count == 1)
            owner = engine_of(found[0]);
        for (i = 0; i < count && count > 1 && handle; i++) {
            engine = engine_of(found[i]);
            if (!engine || !owns(engine, handle))
                continue;
            if (owner)
                return LV_SEVERAL;
            owner = engine;
        }
        if (!owner)
            return LV_SEVERAL;
        engine = owner;
        __atomic_store_n(&last, engine, __ATOMIC_RELEASE);
    }
    *(void **)resize = engine->resize;
    return LV_OK;
}

int lv_find_post(uintptr_t *post)
{
    void *found[ENGINES];
    size_t count = capi_find_symbols("PostLVUserEvent", found, ENGINES);

    if (count != 1)
        return count ? LV_SEVERAL : LV_NOT_LABVIEW;
    capi_keep_loaded(found[0]); /* events are posted later */
    *post = (uintptr_t)found[0];
    return LV_OK;
}

int lv_post(uintptr_t post, uint32_t event, int32_t data)
{
    post_function function;

    *(void **)&function = (void *)post;
    return function(event, &data);
}

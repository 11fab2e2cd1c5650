/* LabVIEW's memory as the library writes it, with the alignment LV_ALIGN. The program is linked with the library's file
 * for that, and with the replacement for LabVIEW's memory manager. */
#include "check.h"

#include "labview_manager.h"
#include "labview_memory.h"

/* The offset of the elements after dims bytes of dimensions. */
static size_t offset_after(size_t dims, size_t element)
{
    size_t align = element < LV_ALIGN ? element : LV_ALIGN;

    return (dims + align - 1) / align * align;
}

static void dimensions_are(void *handle, const int32_t *dims, int count)
{
    CHECK(memcmp(*(unsigned char **)handle, dims, (size_t)count * 4) == 0);
}

static void strings(void)
{
    static const char *const texts[] = {"a text", "", "one that is longer than those before it", "x\0y"};
    static const int32_t sizes[] = {6, 0, 39, 3};
    void *handle = NULL;
    int i;

    for (i = 0; i < LENGTH(texts); i++) {
        CHECK_EQUAL(LV_OK, lv_put_string((uintptr_t)&handle, texts[i], sizes[i]));
        CHECK_EQUAL(4 + sizes[i], manager_check(handle));
        dimensions_are(handle, &sizes[i], 1);
        CHECK(memcmp(*(unsigned char **)handle + 4, texts[i], (size_t)sizes[i]) == 0);
    }
    manager_free(handle);
}

static void arrays(void)
{
    static const double values[] = {1.5, -2.5, 1e300, 0.25, 5};
    size_t head = offset_after(4, 8);
    void *handle = NULL;
    int32_t n;

    CHECK_EQUAL(LV_ALIGN == 1 ? 4 : 8, (int64_t)head);
    for (n = 5; n >= 0; n--) {
        CHECK_EQUAL(LV_OK, lv_put_doubles((uintptr_t)&handle, values, n));
        CHECK_EQUAL((int64_t)head + 8 * n, manager_check(handle));
        dimensions_are(handle, &n, 1);
        CHECK(memcmp(*(unsigned char **)handle + head, values, 8 * (size_t)n) == 0);
    }
    manager_free(handle);
}

static void matrices(void)
{
    static const double values[] = {1, 2, 3, 4, 5, 6};
    static const int32_t shapes[][2] = {{2, 3}, {6, 1}, {1, 6}, {0, 0}, {3, 0}};
    void *handle = NULL;
    int i;

    for (i = 0; i < LENGTH(shapes); i++) {
        int32_t total = shapes[i][0] * shapes[i][1];

        CHECK_EQUAL(LV_OK, lv_put_matrix((uintptr_t)&handle, values, shapes[i][0], shapes[i][1]));
        CHECK_EQUAL(8 + 8 * total, manager_check(handle));
        dimensions_are(handle, shapes[i], 2);
        CHECK(memcmp(*(unsigned char **)handle + 8, values, 8 * (size_t)total) == 0);
    }
    manager_free(handle);
}

static void empty_without_a_handle(void)
{
    static const double values[] = {1, 2};
    void *text = NULL, *array = NULL, *matrix = NULL;

    manager_null_if_empty = 1;
    CHECK_EQUAL(LV_OK, lv_put_string((uintptr_t)&text, "gone", 4));
    CHECK_EQUAL(LV_OK, lv_put_string((uintptr_t)&text, "", 0));
    CHECK_EQUAL(LV_OK, lv_put_doubles((uintptr_t)&array, values, 0));
    CHECK_EQUAL(LV_OK, lv_put_matrix((uintptr_t)&matrix, values, 0, 2));
    CHECK(!text && !array && !matrix);
    manager_null_if_empty = 0;
}

static void out_of_memory(void)
{
    void *handle = NULL, *none = NULL;

    CHECK_EQUAL(LV_OK, lv_put_string((uintptr_t)&handle, "kept", 4));
    manager_error = 2; /* mFullErr */
    CHECK_EQUAL(2, lv_put_string((uintptr_t)&handle, "another", 7));
    CHECK_EQUAL(2, lv_put_doubles((uintptr_t)&none, NULL, 3));
    manager_error = 0;
    CHECK_EQUAL(8, manager_check(handle));
    CHECK(memcmp(*(unsigned char **)handle + 4, "kept", 4) == 0);
    CHECK(none == NULL);
    manager_free(handle);
}

int main(void)
{
    manager_alignment = LV_ALIGN;
    RUN(strings);
    RUN(arrays);
    RUN(matrices);
    RUN(empty_without_a_handle);
    RUN(out_of_memory);
    return 0;
}

/* Reads a text, numbers and a member that is missing. */
#include <obe.h>
#include <stdio.h>

int main(void)
{
    obe_message message = NULL;
    const char *json = "{\"name\": \"left\", \"x\": [1.5, 2], \"n\": null}";
    char name[32];
    double x[8], gain = 1; /* a default: unchanged if there is none */
    int64_t length = 0, count = 0;
    obe_status status = obe_message_new(json, -1, &message);

    if (status == OBE_OK)
        status = obe_get_string(message, "/name", name, sizeof name, &length);
    if (status == OBE_OK)
        status = obe_get_doubles(message, "/x", x, 8, &count);
    if (status == OBE_OK && obe_get_double(message, "/gain", &gain) != OBE_OK)
        printf("no gain; using %g\n", gain);
    if (status == OBE_OK)
        printf("%.*s: %lld numbers, the last is %g\n", (int)length, name,
               (long long)count, x[count - 1]);
    obe_message_free(message);
    return status == OBE_OK ? 0 : 1;
}

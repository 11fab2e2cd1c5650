/* Builds a message, with an object laser inside, and prints its JSON. */
#include <obe.h>
#include <stdio.h>

int main(void)
{
    obe_message message = NULL;
    double frequencies[] = {2.86, 2.87, 2.88};
    char text[256], why[512];
    int64_t length = 0;
    obe_status status = obe_command_new("scan", &message);

    if (status == OBE_OK)
        status = obe_set_doubles(message, "frequencies", frequencies, 3);
    if (status == OBE_OK)
        status = obe_set_double(message, "/laser/power", 0.25);
    if (status == OBE_OK)
        status = obe_get_json(message, "", text, sizeof text, &length);
    if (status == OBE_OK)
        printf("%.*s\n", (int)length, text);
    else if (obe_last_error(message, why, sizeof why, NULL) == OBE_OK)
        fprintf(stderr, "%s\n", why);
    obe_message_free(message);
    return status == OBE_OK ? 0 : 1;
}

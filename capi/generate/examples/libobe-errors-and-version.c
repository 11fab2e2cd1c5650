/* What went wrong: the status, the error message and the general text. */
#include <obe.h>
#include <stdio.h>

int main(void)
{
    obe_message message = NULL;
    char why[512];
    obe_status status = obe_message_new("{\"x\": 1,}", -1, &message);

    printf("libobe %s\n", obe_version());
    if (status != OBE_OK &&
        obe_last_error(NULL, why, sizeof why, NULL) == OBE_OK)
        printf("%d: %s (%s)\n", (int)status, why, obe_strerror(status));
    obe_message_free(message);
    return 0;
}

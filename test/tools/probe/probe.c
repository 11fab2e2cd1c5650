/* The program with which tools.txt proves that a compiler works. */
#include <stdlib.h>

int main(void) { return EXIT_SUCCESS; }

#include "textflag.h"

// func local(offset uintptr) ID
TEXT ·local(SB), NOSPLIT, $0-16
	MOVQ offset+0(FP), AX
	// The assembler writes no other FS-relative operand than Go's own: MOVQ FS:(AX), AX
	BYTE $0x64; BYTE $0x48; BYTE $0x8B; BYTE $0x00
	MOVQ AX, ret+8(FP)
	RET

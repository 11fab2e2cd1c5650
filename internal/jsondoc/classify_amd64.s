#include "textflag.h"

// The classes of bytes in arrays of numbers, as bits. A byte has the class that the entries for its low and its high four
// bits have in common. From bit 7: e and E, digits, the point, minus, the comma, plus, the space, tab and line ends.
DATA lowClasses<>+0x00(SB)/8, $0x4040C04040404042
DATA lowClasses<>+0x08(SB)/8, $0x0020110804014140
DATA lowClasses<>+0x10(SB)/8, $0x4040C04040404042
DATA lowClasses<>+0x18(SB)/8, $0x0020110804014140
GLOBL lowClasses<>(SB), RODATA|NOPTR, $32

DATA highClasses<>+0x00(SB)/8, $0x00800080403E0001
DATA highClasses<>+0x08(SB)/8, $0x0000000000000000
DATA highClasses<>+0x10(SB)/8, $0x00800080403E0001
DATA highClasses<>+0x18(SB)/8, $0x0000000000000000
GLOBL highClasses<>(SB), RODATA|NOPTR, $32

#define BROADCAST(VALUE, X, Y) \
	MOVQ $VALUE, AX; \
	VMOVQ AX, X; \
	VPBROADCASTB X, Y

// Stores bit 7 of the 64 bytes in Y2 and Y5 at an offset, and moves bit 6 there.
#define MASK(OFFSET) \
	VPMOVMSKB Y2, AX; \
	VPMOVMSKB Y5, BX; \
	SHLQ $32, BX; \
	ORQ BX, AX; \
	MOVQ AX, OFFSET(DI); \
	VPADDB Y2, Y2, Y2; \
	VPADDB Y5, Y5, Y5

// Returns the place of the first of n bytes that CLASS marks, or n. n is a multiple of 64.
#define FIND(CLASS) \
	XORQ DX, DX; \
block: \
	VMOVDQU (SI)(DX*1), Y0; \
	VMOVDQU 32(SI)(DX*1), Y3; \
	CLASS(Y0, Y1, Y2); \
	CLASS(Y3, Y4, Y5); \
	VPOR Y1, Y4, Y2; \
	VPTEST Y2, Y2; \
	JNZ found; \
	ADDQ $64, DX; \
	CMPQ DX, CX; \
	JLT block; \
	VZEROUPPER; \
	MOVQ DX, ret+16(FP); \
	RET; \
found: \
	VPMOVMSKB Y1, AX; \
	VPMOVMSKB Y4, BX; \
	SHLQ $32, BX; \
	ORQ BX, AX; \
	TZCNTQ AX, AX; \
	ADDQ DX, AX; \
	VZEROUPPER; \
	MOVQ AX, ret+16(FP); \
	RET

// func classifyAVX(p *byte, blocks int, m *masks)
TEXT ·classifyAVX(SB), NOSPLIT, $0-24
	MOVQ p+0(FP), SI
	MOVQ blocks+8(FP), CX
	MOVQ m+16(FP), DI
	VMOVDQU lowClasses<>(SB), Y8
	VMOVDQU highClasses<>(SB), Y9
	BROADCAST(0x0f, X10, Y10)
	BROADCAST(0x30, X11, Y11)
block:
	VMOVDQU (SI), Y0
	VMOVDQU 32(SI), Y3
	VPCMPEQB Y0, Y11, Y6
	VPCMPEQB Y3, Y11, Y7
	VPMOVMSKB Y6, AX
	VPMOVMSKB Y7, BX
	SHLQ $32, BX
	ORQ BX, AX
	MOVQ AX, 56(DI)
	VPSRLW $4, Y0, Y1
	VPSRLW $4, Y3, Y4
	VPAND Y10, Y1, Y1
	VPAND Y10, Y4, Y4
	VPSHUFB Y0, Y8, Y2 // a byte beyond ASCII has no class
	VPSHUFB Y3, Y8, Y5
	VPSHUFB Y1, Y9, Y1
	VPSHUFB Y4, Y9, Y4
	VPAND Y1, Y2, Y2
	VPAND Y4, Y5, Y5
	MASK(0)
	MASK(8)
	MASK(16)
	MASK(24)
	MASK(32)
	MASK(40)
	VPADDB Y2, Y2, Y1
	VPADDB Y5, Y5, Y4
	VPOR Y1, Y2, Y2
	VPOR Y4, Y5, Y5
	VPMOVMSKB Y2, AX
	VPMOVMSKB Y5, BX
	SHLQ $32, BX
	ORQ BX, AX
	MOVQ AX, 48(DI)
	ADDQ $64, SI
	ADDQ $64, DI
	DECQ CX
	JNZ block
	VZEROUPPER
	RET

// Sets the bytes of SPECIAL where those of TEXT are no plain bytes of a string. Control characters, and bytes beyond ASCII,
// are less than a space as signed numbers.
#define SPECIALS(TEXT, SPECIAL, OTHER) \
	VPCMPGTB TEXT, Y8, SPECIAL; \
	VPCMPEQB TEXT, Y9, OTHER; \
	VPOR OTHER, SPECIAL, SPECIAL; \
	VPCMPEQB TEXT, Y10, OTHER; \
	VPOR OTHER, SPECIAL, SPECIAL

// func plainAVX(p *byte, n int) int
TEXT ·plainAVX(SB), NOSPLIT, $0-24
	MOVQ p+0(FP), SI
	MOVQ n+8(FP), CX
	BROADCAST(0x20, X8, Y8)
	BROADCAST(0x22, X9, Y9)
	BROADCAST(0x5c, X10, Y10)
	FIND(SPECIALS)

// Sets the bytes of SPECIAL where those of TEXT are brackets, braces or quotes. Bit 5 is what brackets differ from braces in.
#define BRACKETS(TEXT, SPECIAL, OTHER) \
	VPOR TEXT, Y8, OTHER; \
	VPCMPEQB TEXT, Y9, SPECIAL; \
	VPCMPEQB OTHER, Y10, TEXT; \
	VPCMPEQB OTHER, Y11, OTHER; \
	VPOR TEXT, SPECIAL, SPECIAL; \
	VPOR OTHER, SPECIAL, SPECIAL

// func unbracketedAVX(p *byte, n int) int
TEXT ·unbracketedAVX(SB), NOSPLIT, $0-24
	MOVQ p+0(FP), SI
	MOVQ n+8(FP), CX
	BROADCAST(0x20, X8, Y8)
	BROADCAST(0x22, X9, Y9)
	BROADCAST(0x7b, X10, Y10)
	BROADCAST(0x7d, X11, Y11)
	FIND(BRACKETS)

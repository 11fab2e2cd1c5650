#include "textflag.h"

// Loaded from offset n on, it has ones in the last n of 32 bytes.
DATA lastBytes<>+0x00(SB)/8, $0
DATA lastBytes<>+0x08(SB)/8, $0
DATA lastBytes<>+0x10(SB)/8, $0
DATA lastBytes<>+0x18(SB)/8, $0
DATA lastBytes<>+0x20(SB)/8, $0xffffffffffffffff
DATA lastBytes<>+0x28(SB)/8, $0xffffffffffffffff
DATA lastBytes<>+0x30(SB)/8, $0xffffffffffffffff
DATA lastBytes<>+0x38(SB)/8, $0xffffffffffffffff
GLOBL lastBytes<>(SB), RODATA|NOPTR, $64

#define BROADCAST(VALUE, X, Y) \
	MOVL $VALUE, AX; \
	VMOVD AX, X; \
	VPBROADCASTD X, Y

// Sets Y0 to the R11 digits before R13, the last R12 of which follow a point. The others are moved by its place.
#define LOAD_DIGITS \
	VMOVDQU -32(R13), Y0; \
	VMOVDQU -33(R13), Y1; \
	VMOVDQU (R14)(R12*1), Y2; \
	VPBLENDVB Y2, Y0, Y1, Y0

// Sets AX to the number whose digits are the last R11 bytes of Y0, at most 24, and leaves if it has more than 19. The
// products add pairs of digits, then fours, then eights.
#define JOIN_DIGITS \
	VPSUBB Y13, Y0, Y0; \
	VPAND (R14)(R11*1), Y0, Y0; \
	VPMADDUBSW Y12, Y0, Y0; \
	VPMADDWD Y11, Y0, Y0; \
	VPACKUSDW Y0, Y0, Y0; \
	VPMADDWD Y10, Y0, Y0; \
	VEXTRACTI128 $1, Y0, X1; \
	VMOVQ X0, AX; \
	VMOVQ X1, R11; \
	SHRQ $32, AX; \
	CMPQ AX, $999; \
	JHI leave; \
	IMULQ $100000000, AX; \
	MOVL R11, DX; \
	ADDQ DX, AX; \
	IMULQ $100000000, AX; \
	SHRQ $32, R11; \
	ADDQ R11, AX

// Leaves if there is no digit at an address, or goes to a label. Otherwise it appends the digit to R11.
#define APPEND_DIGIT(ADDRESS, LABEL) \
	MOVBLZX ADDRESS, CX; \
	SUBL $0x30, CX; \
	CMPL CX, $9; \
	JHI LABEL; \
	LEAL (R11)(R11*4), R11; \
	LEAL (CX)(R11*2), R11; \
	INCQ R13

// func readAVX(text *byte, i, last int, dst *float64, n int, one *power) (count, end int)
//
// SI is at the number, DI at its double; BX is 1 if it is negative. R13 is after its digits, then at the comma.
TEXT ·readAVX(SB), NOSPLIT, $0-64
	MOVQ text+0(FP), AX
	MOVQ i+8(FP), SI
	ADDQ AX, SI
	MOVQ last+16(FP), R8
	ADDQ AX, R8
	MOVQ dst+24(FP), DI
	MOVQ n+32(FP), R9
	LEAQ (DI)(R9*8), R9
	MOVQ one+40(FP), R10
	LEAQ lastBytes<>(SB), R14
	BROADCAST(0x50505050, X15, Y15)
	BROADCAST(0x89898989, X14, Y14)
	BROADCAST(0x30303030, X13, Y13)
	BROADCAST(0x010a010a, X12, Y12)
	BROADCAST(0x00010064, X11, Y11)
	BROADCAST(0x00012710, X10, Y10)
	CMPQ SI, R8
	JHI leave

number:
	CMPQ DI, R9
	JCC leave
	// The bytes that are no digits: the first one, if it is a minus, and CX and DX are the next two.
	VPADDB (SI), Y15, Y0
	VPCMPGTB Y14, Y0, Y0
	VPMOVMSKB Y0, AX
	MOVL AX, BX
	ANDL $1, BX
	XORL BX, AX
	TZCNTL AX, CX
	BLSRL AX, AX
	TZCNTL AX, DX
	XORL R11, R11
	CMPB (SI), $0x2d
	SETEQ R11
	CMPL R11, BX
	JNE leave
	CMPL CX, BX
	JEQ leave
	CMPB (SI)(CX*1), $0x2e
	JNE integer
	LEAQ (SI)(DX*1), R13
	MOVL DX, R11
	SUBL BX, R11
	DECL R11
	CMPL R11, $24
	JHI leave
	NOTL CX
	LEAL (DX)(CX*1), R12
	CMPB (R13), $0x2c
	JNE fractionExponent
	LOAD_DIGITS
	JOIN_DIGITS
	NEGQ R12

scale:
	// As in read_double.go: AX is w, R12 is e; DX is w without leading zeros, R11 the address of the power, and R13 and AX
	// are the product. R12 becomes the exponent of the double, less the bit that m has above its fraction.
	MOVQ R13, SI
	TESTQ AX, AX
	JEQ zero
	BSRQ AX, CX
	XORL $63, CX
	SHLXQ CX, AX, DX
	MOVQ R12, R11
	SHLQ $4, R11
	ADDQ R10, R11
	IMULQ $217706, R12
	SARQ $16, R12
	SUBQ CX, R12
	MULXQ (R11), AX, R13
	LEAL 1(R13), CX
	TESTL $0x1ff, CX
	JEQ precise
product:
	CMPQ AX, $1
	JLS tie
round:
	MOVQ R13, CX
	SHRQ $63, CX
	LEAQ 1085(R12)(CX*1), R12
	ADDL $9, CX
	SHRXQ CX, R13, R13
	MOVL R13, AX
	ANDL $1, AX
	ADDQ AX, R13
	SHRQ $1, R13
	SHLQ $52, R12
	ADDQ R12, R13
store:
	SHLQ $63, BX
	ORQ BX, R13
	MOVQ R13, (DI)
	ADDQ $8, DI

next:
	INCQ SI
	CMPQ SI, R8
	JHI leave
	CMPB (SI), $0x20
	JHI number
	JEQ next
	MOVBLZX (SI), AX
	MOVL $0x2600, CX // tab and line ends
	BTL AX, CX
	JCS next
	JMP leave

zero:
	XORL R13, R13
	JMP store

precise:
	MOVQ R11, CX
	SUBQ R10, CX
	ADDQ $(27*16), CX
	CMPQ CX, $(27*16)
	MOVQ 8(R11), CX
	ADCQ $0, CX // rounded up from 1e-27 to 1e-1
	MULXQ CX, CX, CX
	ADDQ CX, AX
	ADCQ $0, R13
	JMP product

tie:
	MOVQ R13, CX
	SHRQ $63, CX
	ADDL $9, CX
	SHRXQ CX, R13, DX
	MOVL DX, AX
	ANDL $3, AX
	CMPL AX, $1
	JNE round
	SHLXQ CX, DX, AX
	CMPQ AX, R13
	JNE round
	MOVQ R11, AX
	SUBQ R10, AX
	ADDQ $(4*16), AX
	CMPQ AX, $(27*16)
	JHI round
	DECQ DX
	SHLXQ CX, DX, R13
	JMP round

integer:
	LEAQ (SI)(CX*1), R13
	MOVL CX, R11
	SUBL BX, R11
	CMPB (R13), $0x2c
	JNE integerExponent
	CMPL R11, $18
	JHI leave
	VMOVDQU -32(R13), Y0
	JOIN_DIGITS
	MOVQ R13, SI
	VXORPS X0, X0, X0
	VCVTSI2SDQ AX, X0, X0
	VMOVQ X0, R13
	JMP store

integerExponent:
	CMPL R11, $24
	JHI leave
	XORL R12, R12
	VMOVDQU -32(R13), Y0
	JMP exponent

fractionExponent:
	LOAD_DIGITS

exponent:
	MOVBLZX (R13), AX
	ORL $0x20, AX
	CMPL AX, $0x65
	JNE leave
	JOIN_DIGITS
	MOVBLZX 1(R13), R11
	XORL CX, CX
	XORL DX, DX
	CMPL R11, $0x2b
	SETEQ CX
	CMPL R11, $0x2d
	SETEQ DX
	ADDL DX, CX
	ADDQ CX, R13
	XORL R11, R11
	APPEND_DIGIT(1(R13), leave)
	APPEND_DIGIT(1(R13), exponentEnd)
	APPEND_DIGIT(1(R13), exponentEnd)
exponentEnd:
	INCQ R13
	CMPB (R13), $0x2c
	JNE leave
	NEGQ DX
	XORQ DX, R11
	SUBQ DX, R11
	SUBQ R12, R11
	MOVQ R11, R12
	ADDQ $307, R11 // neither subnormal nor infinite, whatever the digits
	CMPQ R11, $(307+288)
	JHI leave
	JMP scale

leave:
	VZEROUPPER
	SUBQ text+0(FP), SI
	MOVQ SI, end+56(FP)
	SUBQ dst+24(FP), DI
	SHRQ $3, DI
	MOVQ DI, count+48(FP)
	RET

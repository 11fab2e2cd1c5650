#include "textflag.h"

// Each function works on n numbers, a multiple of 4. In Go's assembler the first operand of a
// subtraction or division is the last but one: OP b, a, result.

// result = x OP y
#define ARRAYS(OP) \
	MOVQ target+0(FP), DI; \
	MOVQ x+8(FP), SI; \
	MOVQ y+16(FP), DX; \
	MOVQ n+24(FP), CX; \
	XORQ AX, AX; \
loop: \
	VMOVUPD (SI)(AX*8), Y0; \
	OP (DX)(AX*8), Y0, Y0; \
	VMOVUPD Y0, (DI)(AX*8); \
	ADDQ $4, AX; \
	CMPQ AX, CX; \
	JLT loop; \
	VZEROUPPER; \
	RET

// result = x OP v
#define NUMBER(OP) \
	MOVQ target+0(FP), DI; \
	MOVQ x+8(FP), SI; \
	VBROADCASTSD v+16(FP), Y1; \
	MOVQ n+24(FP), CX; \
	XORQ AX, AX; \
loop: \
	VMOVUPD (SI)(AX*8), Y0; \
	OP Y1, Y0, Y0; \
	VMOVUPD Y0, (DI)(AX*8); \
	ADDQ $4, AX; \
	CMPQ AX, CX; \
	JLT loop; \
	VZEROUPPER; \
	RET

// result = u OP y
#define INTO(OP) \
	MOVQ target+0(FP), DI; \
	MOVQ y+8(FP), SI; \
	VBROADCASTSD u+16(FP), Y1; \
	MOVQ n+24(FP), CX; \
	XORQ AX, AX; \
loop: \
	OP (SI)(AX*8), Y1, Y0; \
	VMOVUPD Y0, (DI)(AX*8); \
	ADDQ $4, AX; \
	CMPQ AX, CX; \
	JLT loop; \
	VZEROUPPER; \
	RET

// func addAVX(target, x, y *float64, n int)
TEXT ·addAVX(SB), NOSPLIT, $0-32
	ARRAYS(VADDPD)

// func subtractAVX(target, x, y *float64, n int)
TEXT ·subtractAVX(SB), NOSPLIT, $0-32
	ARRAYS(VSUBPD)

// func multiplyAVX(target, x, y *float64, n int)
TEXT ·multiplyAVX(SB), NOSPLIT, $0-32
	ARRAYS(VMULPD)

// func divideAVX(target, x, y *float64, n int)
TEXT ·divideAVX(SB), NOSPLIT, $0-32
	ARRAYS(VDIVPD)

// func addNumberAVX(target, x *float64, v float64, n int)
TEXT ·addNumberAVX(SB), NOSPLIT, $0-32
	NUMBER(VADDPD)

// func multiplyNumberAVX(target, x *float64, v float64, n int)
TEXT ·multiplyNumberAVX(SB), NOSPLIT, $0-32
	NUMBER(VMULPD)

// func divideNumberAVX(target, x *float64, v float64, n int)
TEXT ·divideNumberAVX(SB), NOSPLIT, $0-32
	NUMBER(VDIVPD)

// func subtractFromAVX(target, y *float64, u float64, n int)
TEXT ·subtractFromAVX(SB), NOSPLIT, $0-32
	INTO(VSUBPD)

// func divideIntoAVX(target, y *float64, u float64, n int)
TEXT ·divideIntoAVX(SB), NOSPLIT, $0-32
	INTO(VDIVPD)

// func sqrtAVX(target, x *float64, n int)
TEXT ·sqrtAVX(SB), NOSPLIT, $0-24
	MOVQ target+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	XORQ AX, AX

loop:
	VSQRTPD (SI)(AX*8), Y0
	VMOVUPD Y0, (DI)(AX*8)
	ADDQ    $4, AX
	CMPQ    AX, CX
	JLT     loop
	VZEROUPPER
	RET

// Y = a number + Y3 Y
#define TERM(offset, Y) \
	VMULPD Y, Y3, Y; \
	VBROADCASTSD offset(R8), Y6; \
	VADDPD Y6, Y, Y

// func expAVX(target, x *float64, n int, c *[15]float64)
TEXT ·expAVX(SB), NOSPLIT, $0-32
	MOVQ target+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	MOVQ c+24(FP), R8
	XORQ AX, AX
	VBROADCASTSD 0(R8), Y8   // -700
	VBROADCASTSD 8(R8), Y9   // 1/log 2
	VBROADCASTSD 16(R8), Y10 // 1/2
	VBROADCASTSD 24(R8), Y11 // log 2, high
	VBROADCASTSD 32(R8), Y12 // log 2, low
	VBROADCASTSD 40(R8), Y13 // 1
	VPCMPEQQ Y14, Y14, Y14
	VPSRLQ   $54, Y14, Y14   // 1023

loop:
	VMOVUPD (SI)(AX*8), Y0
	VCMPPD  $0x0D, Y8, Y0, Y7 // x >= -700, false for NaN
	VANDPD  Y7, Y0, Y0        // what has no exponential is computed as 0 is

	// k in Y1, r in Y2, its square in Y3
	VMULPD   Y9, Y0, Y1
	VADDPD   Y10, Y1, Y1
	VROUNDPD $1, Y1, Y1
	VMULPD   Y11, Y1, Y4
	VSUBPD   Y4, Y0, Y2
	VMULPD   Y12, Y1, Y4
	VSUBPD   Y4, Y2, Y2
	VMULPD   Y2, Y2, Y3

	// even in Y4
	VBROADCASTSD 112(R8), Y4
	TERM(104, Y4)
	TERM(96, Y4)
	TERM(88, Y4)
	VMULPD       Y4, Y3, Y4
	VADDPD       Y10, Y4, Y4
	VMULPD       Y4, Y3, Y4
	VADDPD       Y13, Y4, Y4

	// odd in Y5
	VBROADCASTSD 80(R8), Y5
	TERM(72, Y5)
	TERM(64, Y5)
	TERM(56, Y5)
	VMULPD       Y5, Y3, Y5
	VADDPD       Y13, Y5, Y5
	VMULPD       Y5, Y2, Y5

	// (even + odd) 2^k
	VADDPD      Y5, Y4, Y4
	VCVTPD2DQY  Y1, X1
	VPMOVSXDQ   X1, Y1
	VPADDQ      Y14, Y1, Y1
	VPSLLQ      $52, Y1, Y1
	VMULPD      Y1, Y4, Y4
	VANDPD      Y7, Y4, Y4
	VMOVUPD     Y4, (DI)(AX*8)
	ADDQ        $4, AX
	CMPQ        AX, CX
	JLT         loop
	VZEROUPPER
	RET

// func logAVX(target, x *float64, n int, c *[14]float64)
TEXT ·logAVX(SB), NOSPLIT, $0-32
	MOVQ target+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	MOVQ c+24(FP), R8
	XORQ AX, AX
	VBROADCASTSD 0(R8), Y8    // log 2, high
	VBROADCASTSD 8(R8), Y9    // log 2, low
	VBROADCASTSD 16(R8), Y10  // 1
	VBROADCASTSD 24(R8), Y11  // 2^52
	VBROADCASTSD 32(R8), Y12  // 2^52 + 1023
	VBROADCASTSD 40(R8), Y13  // the bits of √½
	VPSUBQ       Y13, Y10, Y14 // the bits of 1 minus those
	VPCMPEQQ     Y7, Y7, Y7
	VPSRLQ       $12, Y7, Y7  // the bits of a mantissa

loop:
	// k in Y2, m in Y1
	VMOVUPD (SI)(AX*8), Y0
	VPADDQ  Y14, Y0, Y1
	VPSRLQ  $52, Y1, Y2
	VPOR    Y11, Y2, Y2
	VSUBPD  Y12, Y2, Y2
	VPAND   Y7, Y1, Y1
	VPADDQ  Y13, Y1, Y1

	// s in Y0, its square in Y3
	VSUBPD Y10, Y1, Y0
	VADDPD Y10, Y1, Y4
	VDIVPD Y4, Y0, Y0
	VMULPD Y0, Y0, Y3

	// series in Y5
	VBROADCASTSD 104(R8), Y5
	TERM(96, Y5)
	TERM(88, Y5)
	TERM(80, Y5)
	TERM(72, Y5)
	TERM(64, Y5)
	TERM(56, Y5)
	TERM(48, Y5)
	TERM(16, Y5)

	// k log2High + (2 s series + k log2Low)
	VADDPD  Y0, Y0, Y0
	VMULPD  Y5, Y0, Y0
	VMULPD  Y9, Y2, Y4
	VADDPD  Y4, Y0, Y0
	VMULPD  Y8, Y2, Y4
	VADDPD  Y0, Y4, Y4
	VMOVUPD Y4, (DI)(AX*8)
	ADDQ    $4, AX
	CMPQ    AX, CX
	JLT     loop
	VZEROUPPER
	RET

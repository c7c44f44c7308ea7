//go:build !purego

#include "textflag.h"

// The deepest that this package calls in a secret section is a hash's Sum, with
// 1.3 KiB down to the assembly for processors without SHA instructions; AES-GCM
// needs 0.9 KiB.
#define SCRUBBED 1536

// func reserveStack()
TEXT ·reserveStack(SB), 0, $SCRUBBED-0
	RET

// func avx() bool
TEXT ·avx(SB), NOSPLIT, $0-1
	MOVL $1, AX
	XORL CX, CX
	CPUID
	ANDL $0x18000000, CX // the system saves extended registers, AVX
	CMPL CX, $0x18000000
	JNE  no
	XORL CX, CX
	XGETBV
	ANDL $6, AX // those of SSE and AVX among them
	CMPL AX, $6
	JNE  no
	MOVB $1, ret+0(FP)
	RET

no:
	MOVB $0, ret+0(FP)
	RET

// func scrub()
TEXT ·scrub(SB), 0, $SCRUBBED-0
	MOVQ SP, DI
	MOVQ $(SCRUBBED/128), CX
	CMPB ·hasAVX(SB), $1
	JNE  sse
	VPXOR Y0, Y0, Y0

wide:
	VMOVDQU Y0, (DI)
	VMOVDQU Y0, 32(DI)
	VMOVDQU Y0, 64(DI)
	VMOVDQU Y0, 96(DI)
	ADDQ    $128, DI
	DECQ    CX
	JNZ     wide
	VZEROALL
	JMP     general

sse:
	PXOR X0, X0

loop:
	MOVOU X0, (DI)
	MOVOU X0, 16(DI)
	MOVOU X0, 32(DI)
	MOVOU X0, 48(DI)
	MOVOU X0, 64(DI)
	MOVOU X0, 80(DI)
	MOVOU X0, 96(DI)
	MOVOU X0, 112(DI)
	ADDQ  $128, DI
	DECQ  CX
	JNZ   loop

	PXOR X1, X1
	PXOR X2, X2
	PXOR X3, X3
	PXOR X4, X4
	PXOR X5, X5
	PXOR X6, X6
	PXOR X7, X7
	PXOR X8, X8
	PXOR X9, X9
	PXOR X10, X10
	PXOR X11, X11
	PXOR X12, X12
	PXOR X13, X13
	PXOR X14, X14
	PXOR X15, X15

general:
	XORL AX, AX
	XORL BX, BX
	XORL DX, DX
	XORL SI, SI
	XORL DI, DI
	XORL R8, R8
	XORL R9, R9
	XORL R10, R10
	XORL R11, R11
	XORL R12, R12
	XORL R13, R13
	RET

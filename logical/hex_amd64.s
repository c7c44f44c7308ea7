//go:build !purego

#include "textflag.h"

// EACH fills the register x with a byte.
#define EACH(pattern, x) \
	MOVQ $pattern, AX \
	MOVQ AX, x        \
	PUNPCKLQDQ x, x

// Only instructions that every amd64 processor has.

// func encodeHexBlocks(out, value *byte, blocks int)
TEXT ·encodeHexBlocks(SB), NOSPLIT, $0-24
	MOVQ out+0(FP), DI
	MOVQ value+8(FP), SI
	MOVQ blocks+16(FP), CX
	EACH(0x0f0f0f0f0f0f0f0f, X8)
	EACH(0x0909090909090909, X9)
	EACH(0x3030303030303030, X10) // 0
	EACH(0x2727272727272727, X11) // from behind 9 to a

encode:
	MOVQ      (SI), X0
	MOVO      X0, X1
	PSRLW     $4, X0
	PAND      X8, X0
	PAND      X8, X1
	PUNPCKLBW X1, X0 // high and low halves in turns
	MOVO      X0, X1
	PCMPGTB   X9, X1
	PAND      X11, X1
	PADDB     X10, X0
	PADDB     X1, X0
	MOVOU     X0, (DI)
	ADDQ      $8, SI
	ADDQ      $16, DI
	DECQ      CX
	JNZ       encode
	RET

// func decodeHexBlocks(out, digits *byte, blocks int) (ok bool)
TEXT ·decodeHexBlocks(SB), NOSPLIT, $0-25
	MOVQ out+0(FP), DI
	MOVQ digits+8(FP), SI
	MOVQ blocks+16(FP), CX
	EACH(0x0f0f0f0f0f0f0f0f, X8)
	EACH(0x0909090909090909, X9)
	EACH(0x3030303030303030, X10)
	EACH(0x2727272727272727, X11)
	EACH(0x0101010101010101, X12)
	EACH(0x00ff00ff00ff00ff, X13)
	PXOR X7, X7 // other than zero where something is no digit

decode:
	MOVOU (SI), X0
	MOVO  X0, X2
	PSRLW $6, X2
	PAND  X12, X2 // a to f have this bit, 0 to 9 do not
	MOVO  X2, X1
	PSLLW $3, X1
	PADDB X2, X1  // 9 for letters
	MOVO  X0, X2
	PAND  X8, X2
	PADDB X2, X1  // the values

	// Written again they must be what was read.
	MOVO    X1, X2
	PCMPGTB X9, X2
	PAND    X11, X2
	PADDB   X1, X2
	PADDB   X10, X2
	PXOR    X0, X2
	POR     X2, X7
	MOVO    X1, X2
	PCMPGTB X8, X2 // g would be 16
	POR     X2, X7

	MOVO     X1, X2
	PSLLW    $4, X1
	PSRLW    $8, X2
	POR      X2, X1
	PAND     X13, X1
	PACKUSWB X1, X1
	MOVQ     X1, (DI)
	ADDQ     $16, SI
	ADDQ     $8, DI
	DECQ     CX
	JNZ      decode

	PXOR     X0, X0
	PCMPEQB  X0, X7
	PMOVMSKB X7, AX
	CMPL     AX, $0xffff
	SETEQ    ok+24(FP)
	RET

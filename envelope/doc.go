// Package envelope is the sealed value: it seals and opens one value of one
// column, and computes the terms by which the server may search for it.
//
// # Format, version 1
//
//	 0   1  magic 0xE5
//	 1   1  version and suite (0x01: AES-256-GCM with a 96-bit random nonce)
//	 2   4  column id, uint32, big endian
//	 6   4  key id, uint32, big endian
//	10   1  term flags (bit 0: equality, 3: lower, 4: upper; every other bit is refused)
//	11   …  terms in the order of their flags, 16 bytes each
//	 …  12  nonce
//	 …   n  ciphertext, as long as the plaintext
//	 …  16  tag
//
// Every byte before the nonce is additional data, so an envelope whose column
// id, key id, flags or terms were changed does not open.
//
// # Keys
//
// A data key has 32 or 16 bytes. All that is derived from it comes by
// HKDF-SHA256 (RFC 5869) without salt, with these info strings, in which a
// column id stands as 4 bytes, big endian:
//
//	"pgseal v1 seal aes-256-gcm" ‖ column id       32 bytes, AES-256 key of one column
//	"pgseal v1 index hmac-sha256" ‖ column id      32 bytes, HMAC key of one column's equality terms
//	"pgseal v1 lower hmac-sha256" ‖ column id      32 bytes, HMAC key of the terms of lower(value)
//	"pgseal v1 upper hmac-sha256" ‖ column id      32 bytes, HMAC key of the terms of upper(value)
//	"pgseal v1 key check"                          16 bytes, key-check value, not secret
//
// The equality term is the first 16 bytes of HMAC-SHA256 under the column's
// index subkey over the canonical plaintext. The terms of lower and upper are those
// of the plaintext in lower and upper case, under subkeys of their own. What that is
// the database says; see docs/decisions/0026-case-insensitive-equality.md.
//
// # Erasure
//
// All that lives as long as a [Key] and could open a value (HMAC states, AES
// key schedules, GHASH tables) stands in pages outside the Go heap, locked into
// memory where the system allows it and left out of core dumps. What the
// standard library leaves behind on the heap while it expands a key is zeroed at
// once; what its assembly leaves on the stack and in registers is scrubbed after
// each call, during which the goroutine cannot be preempted. [Key.Erase] zeroes
// and returns the pages, and makes every thread overwrite what an earlier signal
// may have stored in its signal stack. A test reads the memory of a whole
// process before and after, and finds first all of it and then none.
//
// On processors other than amd64 registers are left to the code that runs next.
// On systems other than Linux key memory is neither locked nor kept out of core
// dumps, and signal stacks are left to the next signal. On processors for which
// the standard library keeps key schedules behind pointers (s390x) no key is
// opened: [ErrLayout].
package envelope

package envelope

import "errors"

// Every error is one of these values as it stands, so that none can carry a
// plaintext, a key or a byte of an envelope into a log.
var (
	// ErrTruncated: shorter than its header and terms call for.
	ErrTruncated = errors.New("envelope: truncated")
	// ErrMagic: the first byte is not the magic; not an envelope at all.
	ErrMagic = errors.New("envelope: not an envelope")
	// ErrVersion: a version or suite that this program does not know.
	ErrVersion = errors.New("envelope: unknown version")
	// ErrTermFlags: a term flag that this program does not know.
	ErrTermFlags = errors.New("envelope: unknown term flags")
	// ErrColumn: sealed for another column.
	ErrColumn = errors.New("envelope: sealed for another column")
	// ErrKeyID: sealed under another data key.
	ErrKeyID = errors.New("envelope: sealed under another data key")
	// ErrAuthentication: changed since it was sealed, or sealed under other key material.
	ErrAuthentication = errors.New("envelope: does not open: changed since it was sealed, or wrong key")

	// ErrTermBytes: Seal was given term bytes that do not fit the term flags.
	ErrTermBytes = errors.New("envelope: term bytes do not fit the term flags")
	// ErrTooLong: Seal was given more than [MaxPlaintext] bytes.
	ErrTooLong = errors.New("envelope: plaintext longer than PostgreSQL's limit of 1 GiB")
	// ErrOverlap: the room of dst overlaps an input; a mistake of the caller.
	ErrOverlap = errors.New("envelope: output overlaps input")
	// ErrKeySize: key material of neither 16 nor 32 bytes.
	ErrKeySize = errors.New("envelope: a data key has 16 or 32 bytes")
	// ErrExhausted: a column's subkey has made as many seals as random nonces allow; rotate the data key.
	ErrExhausted = errors.New("envelope: data key exhausted: rotate it")
	// ErrErased: the key was erased.
	ErrErased = errors.New("envelope: key erased")
	// ErrLayout: this Go release keeps cipher state where Erase could not reach it, so no key is opened at all.
	ErrLayout = errors.New("envelope: the cipher state of this Go release or processor cannot be erased")
	// ErrMemory: the system gave no memory for key material.
	ErrMemory = errors.New("envelope: no memory for key material")
)

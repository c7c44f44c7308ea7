package envelope

import (
	"crypto/cipher"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"
)

// Key is one open data key, of the seal or the index purpose, with the subkeys
// of the columns that have used it. It is safe for concurrent use, erasure
// included. A Key that is dropped without Erase is erased when the garbage
// collector finds it.
type Key struct {
	id    uint32
	check [16]byte
	guard guard

	subkeys atomic.Pointer[map[subkeyID]*subkey] // copied on write, read without a lock

	mu     sync.Mutex // writes of subkeys, and everything below
	vault  *vault
	root   []byte // in the vault: the HMAC keyed by HKDF's pseudorandom key
	erased uint64 // seals of the subkeys that Erase removed
}

// subkeyID is a column's id and what the subkey is for: one number, for which maps
// are fastest.
type subkeyID uint64

// What subkeys are for, in the low bits.
const (
	forSeals subkeyID = iota
	forEquality
	forLower
	forUpper

	purposeBits = 2
)

func sealID(columnID uint32) subkeyID { return subkeyID(columnID) << purposeBits } // forSeals

// termID is the subkey of one kind of terms, which must be a single one.
func termID(columnID uint32, kind TermFlags) subkeyID {
	id := subkeyID(columnID) << purposeBits
	switch kind {
	case TermLower:
		return id | forLower
	case TermUpper:
		return id | forUpper
	}
	return id | forEquality
}

func (id subkeyID) purpose() subkeyID { return id & (1<<purposeBits - 1) }
func (id subkeyID) index() bool       { return id.purpose() != forSeals }
func (id subkeyID) columnID() uint32  { return uint32(id >> purposeBits) }

// info is HKDF's info string for such a subkey, without the column.
func (id subkeyID) info() string {
	return [...]string{forSeals: infoSeal, forEquality: infoIndex, forLower: infoLower, forUpper: infoUpper}[id.purpose()]
}

// subkey is one column's: a sealer or an index, never both.
type subkey struct {
	sealer cipher.AEAD
	seals  atomic.Uint64
	index  []byte // in the vault: the keyed HMAC of the column's terms
}

// NewKey opens a data key of 16 or 32 bytes. It copies nothing that outlives
// Erase; the caller erases material. The errors are ErrKeySize, ErrLayout and
// ErrMemory.
func NewKey(id uint32, material []byte) (*Key, error) {
	if len(material) != 16 && len(material) != 32 {
		return nil, ErrKeySize
	}
	if sealerType == nil {
		return nil, ErrLayout
	}
	k := &Key{id: id, vault: new(vault)}
	root, err := k.vault.alloc(keyedSize)
	if err != nil {
		return nil, err
	}
	k.root = root
	k.subkeys.Store(new(map[subkeyID]*subkey))
	runtime.AddCleanup(k, (*vault).erase, k.vault)

	h := hashers.Get().(*hasher)
	beginSecret()
	h.extract(root, material)
	h.expand(root, infoCheck)
	copy(k.check[:], h.sum[:])
	h.erase()
	endSecret()
	hashers.Put(h)
	return k, nil
}

// ID returns the data key's id: its row in the key table.
func (k *Key) ID() uint32 { return k.id }

// Check returns the key-check value: it commits to the key material and tells
// nothing of it. The key store compares it with the stored one in constant time
// after each unwrap. It stays after Erase.
func (k *Key) Check() [16]byte { return k.check }

// Seals returns the number of seals under this key in this process, over all
// its columns. Each column's subkey refuses to seal after 2^32; Seals stays
// after Erase.
func (k *Key) Seals() uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.erased + k.liveSeals()
}

func (k *Key) liveSeals() (n uint64) {
	for _, s := range *k.subkeys.Load() {
		n += s.seals.Load()
	}
	return n
}

// Seal appends to dst the envelope of plaintext for a column and returns the
// extended slice. termBytes are the terms that the flags announce, in order, each
// the EqualitySize bytes of Term. Nothing is appended on
// an error: ErrTermFlags, ErrTermBytes, ErrTooLong, ErrOverlap, ErrExhausted,
// ErrErased or ErrMemory.
//
// It does not allocate if dst has room for len(plaintext)+Overhead(terms) bytes.
// plaintext may lie in that room where its ciphertext goes, Prefix(terms) bytes
// behind dst, to be sealed in place; otherwise plaintext and termBytes must not
// lie there.
func (k *Key) Seal(dst []byte, columnID uint32, terms TermFlags, termBytes, plaintext []byte) ([]byte, error) {
	return k.seal(dst, columnID, terms, termBytes, plaintext, newNonce())
}

// SealWith is Seal with a nonce from a supply.
func (k *Key) SealWith(nonces *Nonces, dst []byte, columnID uint32, terms TermFlags, termBytes, plaintext []byte) ([]byte, error) {
	return k.seal(dst, columnID, terms, termBytes, plaintext, nonces.next())
}

func (k *Key) seal(dst []byte, columnID uint32, terms TermFlags, termBytes, plaintext []byte, nonce [NonceSize]byte) ([]byte, error) {
	switch {
	case terms&^knownTerms != 0:
		return nil, ErrTermFlags
	case len(termBytes) != termsSize(terms):
		return nil, ErrTermBytes
	case len(plaintext) > MaxPlaintext:
		return nil, ErrTooLong
	}
	user := k.guard.enter()
	if user == nil {
		return nil, ErrErased
	}
	defer leave(user)
	s, err := k.subkey(sealID(columnID))
	if err != nil {
		return nil, err
	}
	if s.seals.Add(1) > sealLimit {
		s.seals.Add(^uint64(0))
		return nil, ErrExhausted
	}

	start, size := len(dst), Overhead(terms)+len(plaintext)
	dst = slices.Grow(dst, size)
	room := dst[start : start+size]
	inPlace := len(plaintext) > 0 && &room[Prefix(terms)] == &plaintext[0]
	if !inPlace && overlap(room, plaintext) || overlap(room, termBytes) {
		return nil, ErrOverlap
	}
	dst = appendHeader(dst, Header{ColumnID: columnID, KeyID: k.id, Terms: terms})
	dst = append(dst, termBytes...)
	additional := dst[start:]
	dst = append(dst, nonce[:]...)
	beginSecret()
	dst = s.sealer.Seal(dst, dst[len(dst)-NonceSize:], plaintext, additional)
	endSecret()
	return dst, nil
}

// overlap reports whether two slices share memory, which the ciphers answer
// with a panic.
func overlap(a, b []byte) bool {
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	aStart, bStart := uintptr(unsafe.Pointer(&a[0])), uintptr(unsafe.Pointer(&b[0]))
	return aStart < bStart+uintptr(len(b)) && bStart < aStart+uintptr(len(a))
}

// Open appends to dst the plaintext of an envelope that was sealed for this
// column under this key and returns the extended slice. The errors are those of
// Parse, ErrColumn, ErrKeyID, ErrAuthentication, ErrOverlap, ErrErased and
// ErrMemory.
//
// It does not allocate if dst has room for the plaintext. dst may be the empty
// start of the ciphertext, to open in place; otherwise env must not lie in that
// room. What does not open leaves zeros in that room.
func (k *Key) Open(dst []byte, columnID uint32, env []byte) ([]byte, error) {
	h, err := Parse(env)
	switch {
	case err != nil:
		return nil, err
	case h.ColumnID != columnID:
		return nil, ErrColumn
	case h.KeyID != k.id:
		return nil, ErrKeyID
	}
	user := k.guard.enter()
	if user == nil {
		return nil, ErrErased
	}
	defer leave(user)
	s, err := k.subkey(sealID(columnID))
	if err != nil {
		return nil, err
	}
	size := len(env) - Overhead(h.Terms)
	dst = slices.Grow(dst, size)
	body := env[len(env)-TagSize-size:]
	if room := dst[len(dst) : len(dst)+size]; overlap(room, env) && &room[0] != &body[0] {
		return nil, ErrOverlap
	}
	beginSecret()
	dst, err = s.open(dst, env, h.Terms)
	endSecret()
	if err != nil {
		return nil, ErrAuthentication
	}
	return dst, nil
}

// EqualityTerm appends to dst the equality term, EqualitySize bytes, of a
// canonical plaintext and returns the extended slice. Columns that share a link
// share a term if they are given the same columnID. The errors are ErrErased and
// ErrMemory. It does not allocate if dst has room.
func (k *Key) EqualityTerm(dst []byte, columnID uint32, canonical []byte) ([]byte, error) {
	return k.Term(dst, TermEquality, columnID, canonical)
}

// Term is EqualityTerm for any one kind of terms: canonical is what is compared, of
// TermLower lower(value). The terms of two kinds have different subkeys, so that one
// tells nothing of the other.
func (k *Key) Term(dst []byte, kind TermFlags, columnID uint32, canonical []byte) ([]byte, error) {
	user := k.guard.enter()
	if user == nil {
		return nil, ErrErased
	}
	defer leave(user)
	s, err := k.subkey(termID(columnID, kind))
	if err != nil {
		return nil, err
	}
	dst = slices.Grow(dst, EqualitySize)
	h := hashers.Get().(*hasher)
	beginSecret()
	h.restore(s.index[:hashStateSize])
	for len(canonical) > longestHashed {
		h.hash.Write(canonical[:longestHashed])
		endSecret()
		canonical = canonical[longestHashed:]
		beginSecret()
	}
	h.hash.Write(canonical)
	h.finish(s.index)
	dst = append(dst, h.sum[:EqualitySize]...)
	h.eraseMAC()
	endSecret()
	hashers.Put(h)
	return dst, nil
}

// AppendEquality is EqualityTerm for callers that hold a lease and so know that
// the key is not erased. It returns nil where EqualityTerm returns an error:
// a nil is never a term and must not be searched for.
func (k *Key) AppendEquality(dst []byte, columnID uint32, canonical []byte) []byte {
	dst, err := k.EqualityTerm(dst, columnID, canonical)
	if err != nil {
		return nil
	}
	return dst
}

// subkey returns a column's subkey, derived at its first use. Only for those
// who have entered the guard.
func (k *Key) subkey(id subkeyID) (*subkey, error) {
	if s := (*k.subkeys.Load())[id]; s != nil {
		return s, nil
	}
	return k.derive(id)
}

func (k *Key) derive(id subkeyID) (*subkey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	known := *k.subkeys.Load()
	if s := known[id]; s != nil {
		return s, nil
	}
	s, err := k.newSubkey(id)
	if err != nil {
		return nil, err
	}
	next := maps.Clone(known)
	if next == nil {
		next = make(map[subkeyID]*subkey)
	}
	next[id] = s
	k.subkeys.Store(&next)
	return s, nil
}

func (k *Key) newSubkey(id subkeyID) (s *subkey, err error) {
	s = new(subkey)
	if id.index() {
		s.index, err = k.vault.alloc(keyedSize)
	} else {
		s.sealer, err = newSealer(k.vault)
	}
	if err != nil {
		return nil, err
	}
	h := hashers.Get().(*hasher)
	beginSecret()
	h.expandColumn(k.root, id.info(), id.columnID())
	if id.index() {
		h.key(s.index, h.sum[:])
	} else {
		err = expandSealer(s.sealer, h.sum[:])
	}
	h.erase()
	endSecret()
	hashers.Put(h)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Erase zeroes everything that was derived from the data key, after the calls
// that are using it have ended. From then on every use returns ErrErased. A
// second Erase does nothing.
func (k *Key) Erase() {
	k.guard.close()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.erased += k.liveSeals()
	k.subkeys.Store(new(map[subkeyID]*subkey))
	k.root = nil
	k.vault.erase()
	scrubSignalStacks()
}

package envelope

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"hash"
	"reflect"
	"sync"
	"unsafe"
)

// Every call into a cipher or a hash stands in this file.

const (
	// Subkeys always have 32 bytes, so that AES-256 seals whatever the size of
	// the data key. It is also the output of one SHA-256: one round of HKDF's
	// expansion makes any subkey.
	subkeySize = sha256.Size

	// NIST SP 800-38D, 8.3: with random 96-bit nonces one key makes at most
	// 2^32 seals, which keeps the chance of a repeated nonce below 2^-32.
	sealLimit = 1 << 32

	infoSeal  = "pgseal v1 seal aes-256-gcm"
	infoIndex = "pgseal v1 index hmac-sha256"
	infoLower = "pgseal v1 lower hmac-sha256"
	infoUpper = "pgseal v1 upper hmac-sha256"
	infoCheck = "pgseal v1 key check"

	// What a Digest marshals to: 4 bytes of magic, the state, one block, the
	// length. Checked against the standard library when the package starts.
	hashStateSize = 4 + sha256.Size + sha256.BlockSize + 8
	// The longest that is hashed in one secret section, in bytes: 50 µs of work.
	longestHashed = 1 << 16
	// A keyed HMAC is kept as the two hash states after its inner and outer pad:
	// half the work per term, and the key itself need not be kept.
	keyedSize = 2 * hashStateSize
)

// newNonce: 96 bits, the size that GCM takes as it is, from the operating
// system for each seal anew. No counter: any number of proxies seal under the
// same subkey and share no state.
func newNonce() (nonce [NonceSize]byte) {
	rand.Read(nonce[:]) // never fails: it ends the program instead
	return nonce
}

// nonceSupply is how many nonces are asked for at once. The system's answer
// takes as long for all of them as for one.
const nonceSupply = 10

// Nonces are random nonces for the seals of one message, from the operating
// system like newNonce's, a few at a time. Each is used once and wiped. What is
// left must be wiped when the message has been dealt with: nonces that lie about
// would be used twice if a copy of the whole machine were resumed twice. The
// zero value is ready.
type Nonces struct {
	b    [nonceSupply * NonceSize]byte
	left int // bytes at the end of b
}

func (n *Nonces) next() (nonce [NonceSize]byte) {
	if n.left < NonceSize {
		rand.Read(n.b[:])
		n.left = len(n.b)
	}
	from := n.b[len(n.b)-n.left:][:NonceSize]
	n.left -= copy(nonce[:], from)
	clear(from)
	return nonce
}

// Wipe forgets the nonces that have not been used.
func (n *Nonces) Wipe() {
	if n.left > 0 {
		*n = Nonces{}
	}
}

// sealerType is the struct behind the standard library's AES-GCM, if it holds
// all its state in itself; only then can it be moved to the vault and erased.
var sealerType = func() reflect.Type {
	block, err := aes.NewCipher(make([]byte, subkeySize))
	if err != nil {
		return nil
	}
	gcm, err := cipher.NewGCM(block) // 12-byte nonce, 16-byte tag: the whole tag, never truncated
	if err != nil {
		return nil
	}
	b, g := reflect.TypeOf(block), reflect.TypeOf(gcm)
	if b.Kind() != reflect.Pointer || g.Kind() != reflect.Pointer || !flat(b.Elem()) || !flat(g.Elem()) {
		return nil
	}
	return g.Elem()
}()

// flat reports whether a value of type t holds no reference to other memory.
func flat(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Array:
		return flat(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if !flat(t.Field(i).Type) {
				return false
			}
		}
		return true
	default:
		return t.Kind() >= reflect.Bool && t.Kind() <= reflect.Float64 && t.Kind() != reflect.Uintptr
	}
}

// newSealer reserves the place of a sealer in v: a cipher without a key until
// expandSealer has been called.
func newSealer(v *vault) (cipher.AEAD, error) {
	mem, err := v.alloc(int(sealerType.Size()))
	if err != nil {
		return nil, err
	}
	return reflect.NewAt(sealerType, unsafe.Pointer(unsafe.SliceData(mem))).Interface().(cipher.AEAD), nil
}

// expandSealer expands an AES-256 subkey into a sealer. What the expansion
// leaves on the heap is zeroed. Only in a secret section.
func expandSealer(sealer cipher.AEAD, subkey []byte) error {
	block, err := aes.NewCipher(subkey)
	if err != nil {
		return ErrLayout
	}
	gcm, err := cipher.NewGCM(block)
	if err == nil {
		expanded := reflect.ValueOf(gcm).Elem()
		reflect.ValueOf(sealer).Elem().Set(expanded)
		expanded.SetZero()
	} else {
		err = ErrLayout
	}
	reflect.ValueOf(block).Elem().SetZero()
	return err
}

// open opens an envelope of known structure into dst, which has room. Only in a
// secret section.
func (s *subkey) open(dst, env []byte, terms TermFlags) ([]byte, error) {
	nonce := HeaderSize + termsSize(terms)
	sealed := nonce + NonceSize
	return s.sealer.Open(dst, env[nonce:sealed], env[sealed:], env[:nonce])
}

// hasher is a SHA-256 with scratch space. Taken from the pool before a secret
// section, used and erased in it, given back after it. HKDF and HMAC are composed here rather than called, because
// crypto/hkdf and crypto/hmac leave keys and pads on the heap where nothing can
// reach them; a test holds the composition against both.
type hasher struct {
	hash  hash.Hash
	state interface {
		encoding.BinaryAppender
		encoding.BinaryUnmarshaler
	}
	keyed [keyedSize]byte
	block [sha256.BlockSize]byte
	sum   [sha256.Size]byte
}

func newHasher() *hasher {
	h := &hasher{hash: sha256.New()}
	h.state = h.hash.(interface {
		encoding.BinaryAppender
		encoding.BinaryUnmarshaler
	})
	return h
}

var hashers = sync.Pool{New: func() any { return newHasher() }}

// freshState is the state of a hash that has seen nothing: writing it over a
// hash overwrites the buffered input too, which Reset does not.
var freshState = func() []byte {
	b, err := newHasher().state.AppendBinary(nil)
	if err != nil || len(b) != hashStateSize {
		panic("envelope: SHA-256 of this Go release marshals to another size")
	}
	return b
}()

func (h *hasher) restore(state []byte) {
	if err := h.state.UnmarshalBinary(state); err != nil {
		panic("envelope: SHA-256 refuses a state that it has made itself")
	}
}

// erase zeroes h.
func (h *hasher) erase() {
	h.restore(freshState)
	clear(h.keyed[:])
	clear(h.block[:])
	clear(h.sum[:])
}

// eraseMAC zeroes what mac and finish leave behind in h.
func (h *hasher) eraseMAC() {
	h.restore(freshState)
	clear(h.sum[:])
}

// key sets dst, of keyedSize bytes, to the HMAC-SHA256 keyed by key, of at most
// one block (RFC 2104).
func (h *hasher) key(dst, key []byte) {
	const innerPad, outerPad = 0x36, 0x5c
	for i, pad := range [2]byte{innerPad, outerPad} {
		clear(h.block[:])
		copy(h.block[:], key)
		for j := range h.block {
			h.block[j] ^= pad
		}
		h.hash.Reset()
		h.hash.Write(h.block[:])
		from, to := i*hashStateSize, (i+1)*hashStateSize
		if b, err := h.state.AppendBinary(dst[from:from:to]); err != nil || len(b) != hashStateSize {
			panic("envelope: SHA-256 marshals to another size")
		}
	}
}

// mac sets h.sum to the HMAC of message under a keyed HMAC.
func (h *hasher) mac(keyed, message []byte) {
	h.restore(keyed[:hashStateSize])
	h.hash.Write(message)
	h.finish(keyed)
}

// finish sets h.sum to the HMAC of what has been written.
func (h *hasher) finish(keyed []byte) {
	h.hash.Sum(h.sum[:0])
	h.restore(keyed[hashStateSize:keyedSize])
	h.hash.Write(h.sum[:])
	h.hash.Sum(h.sum[:0])
}

// extract sets root, of keyedSize bytes, to the HMAC keyed by HKDF's
// pseudorandom key of the data key. No salt, because data keys are uniformly
// random already: the extraction only brings 16 and 32 bytes to one size.
func (h *hasher) extract(root, material []byte) {
	h.key(h.keyed[:], nil) // RFC 5869: no salt is a salt of zeros, as is an empty HMAC key
	h.mac(h.keyed[:], material)
	h.key(root, h.sum[:])
}

// expand sets h.sum to HKDF's first, and for us only, output block.
func (h *hasher) expand(root []byte, info string) {
	message := append(append(h.block[:0], info...), 1)
	h.mac(root, message)
}

// expandColumn is expand with the column's id after the info string.
func (h *hasher) expandColumn(root []byte, info string, columnID uint32) {
	message := binary.BigEndian.AppendUint32(append(h.block[:0], info...), columnID)
	h.mac(root, append(message, 1))
}

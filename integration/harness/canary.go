package harness

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"time"
	"unicode/utf16"
)

// markerLength is how many letters mark a canary: few enough for a
// varchar(11), many enough never to occur by chance.
const markerLength = 8

// Canaries makes values that can be recognised wherever they turn up.
type Canaries struct {
	marker string

	mu     sync.Mutex
	images []image
	count  int
}

// image is one sequence of bytes that must be found nowhere.
type image struct {
	what  string
	bytes []byte
	fold  bool // compare without regard to ASCII case
}

// NewCanaries makes a marker at random.
func NewCanaries() *Canaries {
	c := &Canaries{marker: letters(markerLength)}
	c.addText("marker", c.marker)
	return c
}

func letters(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a' + byte(random(26))
	}
	return string(b)
}

func random(limit int64) int64 {
	n, err := rand.Int(rand.Reader, big.NewInt(limit))
	if err != nil {
		panic(err) // the system's randomness does not fail
	}
	return n.Int64()
}

// Text is the marker, eight letters, to be part of a longer value.
func (c *Canaries) Text() string { return c.marker }

// Word is the marker and two letters more, different at each call (for the
// first 676 calls).
func (c *Canaries) Word() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.count
	c.count++
	return c.marker + string([]byte{'a' + byte(n/26%26), 'a' + byte(n%26)})
}

// Int8 is an int8 of 18 digits in decimal.
func (c *Canaries) Int8() string {
	n := 1e17 + random(9e17-1e17)
	text := fmt.Sprint(n)
	c.addText("int8 in text", text)
	c.addBinary("int8", uint64(n))
	return text
}

// Timestamp is a timestamp of the year 2001 with microseconds, in ISO form.
func (c *Canaries) Timestamp() string {
	epoch := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // PostgreSQL's own
	const day = 86400 * 1e6
	// The last digit is not zero: PostgreSQL does not print one.
	micros := 366*day + random(365*day/10)*10 + 1
	text := epoch.Add(time.Duration(micros) * time.Microsecond).Format("2006-01-02 15:04:05.000000")
	c.addText("timestamp in text", text)
	c.addBinary("timestamp", uint64(micros))
	return text
}

// Numeric is a numeric(20,4).
func (c *Canaries) Numeric() string {
	groups := []uint16{uint16(1000 + random(9000)), uint16(1000 + random(9000)), uint16(1000 + random(9000)), uint16(1000 + random(9000))}
	text := fmt.Sprintf("%d%d%d.%d", groups[0], groups[1], groups[2], groups[3])
	c.addText("numeric in text", text)
	var big, little []byte
	for _, g := range groups {
		big = binary.BigEndian.AppendUint16(big, g)
		little = binary.LittleEndian.AppendUint16(little, g)
	}
	c.add(image{what: "numeric, wire form", bytes: big})
	c.add(image{what: "numeric, stored form", bytes: little})
	return text
}

// UUID is a uuid in canonical text.
func (c *Canaries) UUID() string {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		panic(err) // the system's randomness does not fail
	}
	digits := hex.EncodeToString(b[:])
	c.add(image{what: "uuid", bytes: b[:]})
	c.add(image{what: "uuid in hexadecimal", bytes: []byte(digits), fold: true})
	text := strings.Join([]string{digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]}, "-")
	c.add(image{what: "uuid in text", bytes: []byte(text), fold: true})
	return text
}

func (c *Canaries) addBinary(what string, n uint64) {
	c.add(image{what: what + ", wire form", bytes: binary.BigEndian.AppendUint64(nil, n)})
	c.add(image{what: what + ", stored form", bytes: binary.LittleEndian.AppendUint64(nil, n)})
}

// addText registers the forms in which a text could turn up.
func (c *Canaries) addText(what, text string) {
	c.add(image{what: what, bytes: []byte(text), fold: true})
	c.add(image{what: what + " in hexadecimal", bytes: []byte(hex.EncodeToString([]byte(text))), fold: true})
	c.add(image{what: what + " in upper case, in hexadecimal",
		bytes: []byte(hex.EncodeToString([]byte(strings.ToUpper(text)))), fold: true})
	var little, big []byte
	for _, u := range utf16.Encode([]rune(text)) {
		little = binary.LittleEndian.AppendUint16(little, u)
		big = binary.BigEndian.AppendUint16(big, u)
	}
	c.add(image{what: what + " in UTF-16LE", bytes: little, fold: true})
	c.add(image{what: what + " in UTF-16BE", bytes: big, fold: true})
	// Base64 has three images of a text, by where in a group of three it starts.
	for skip := range 3 {
		encoded := base64.StdEncoding.EncodeToString(append(make([]byte, skip), text...))
		start := (skip*8 + 5) / 6         // first symbol of text alone
		end := (skip + len(text)) * 8 / 6 // symbols of text alone
		c.add(image{what: what + " in base64", bytes: []byte(encoded[start:end])})
	}
}

func (c *Canaries) add(i image) {
	if i.fold {
		i.bytes = appendFolded(nil, i.bytes)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.images = append(c.images, i)
}

package harness

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A search that finds nothing proves something only if it would find it.
func TestSearchFindsEveryFormOfACanary(t *testing.T) {
	c := NewCanaries()
	word := c.Word()
	number := c.Int8()
	id := c.UUID()
	n, err := hex.DecodeString(strings.ReplaceAll(id, "-", ""))
	if err != nil {
		t.Fatal(err)
	}
	var utf16 bytes.Buffer
	for _, r := range word {
		binary.Write(&utf16, binary.LittleEndian, uint16(r))
	}
	for what, form := range map[string]string{
		"text":          "value=" + word,
		"upper case":    strings.ToUpper(word),
		"hex":           hex.EncodeToString([]byte("x" + word)),
		"hex, upper":    strings.ToUpper(hex.EncodeToString([]byte(word))),
		"hex of upper":  hex.EncodeToString([]byte(strings.ToUpper(word))),
		"base64 at 0":   base64.StdEncoding.EncodeToString([]byte(word)),
		"base64 at 1":   base64.StdEncoding.EncodeToString([]byte("x" + word)),
		"base64 at 2":   base64.StdEncoding.EncodeToString([]byte("xy" + word)),
		"UTF-16":        utf16.String(),
		"beyond UTF-8":  "\xff\xfe" + strings.ToUpper(word) + "\xff",
		"number":        "(" + number + ")",
		"uuid":          strings.ToUpper(id),
		"uuid, binary":  "\x00" + string(n),
		"over the edge": strings.Repeat("-", chunk-4) + word,
	} {
		// Wherever it begins: the search does not look at every byte.
		for before := range stride {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "file"), []byte(strings.Repeat("-", before)+form), 0o600); err != nil {
				t.Fatal(err)
			}
			hits, err := c.Search(dir)
			if err != nil {
				t.Fatal(err)
			}
			if len(hits) == 0 {
				t.Errorf("%s, after %d bytes: not found", what, before)
			}
		}
	}
}

func TestSearchIsSilentWithoutCanary(t *testing.T) {
	c := NewCanaries()
	c.Int8()
	c.UUID()
	c.Numeric()
	c.Timestamp()
	dir := t.TempDir()
	noise := bytes.Repeat([]byte("an ordinary log line, 0123456789abcdef, \xe5\x01\x00\x00\n"), 100_000)
	if err := os.WriteFile(filepath.Join(dir, "file"), noise, 0o600); err != nil {
		t.Fatal(err)
	}
	hits, err := c.Search(dir, filepath.Join(dir, "absent"))
	if err != nil || len(hits) != 0 {
		t.Errorf("hits %q, error %v", hits, err)
	}
}

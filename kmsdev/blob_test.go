package kmsdev

import (
	"bytes"
	"encoding/json"
	"testing"
)

func mustKey(t testing.TB) *key {
	t.Helper()
	k, err := newKey(specSymmetric, usageEncrypt, "")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// FuzzBlob gives any bytes to the parser: they parse to their own parts, or are
// refused, and none but the sealed blob opens.
func FuzzBlob(f *testing.F) {
	k := mustKey(f)
	ctx := encryptionContext{"table": "public.users"}
	sealed, err := sealBlob(k, ctx, []byte("plaintext"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add(sealed[:minBlobSize])
	f.Add(sealed[:minBlobSize-1])
	f.Add([]byte(blobMagic))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := parseBlob(data)
		if err != nil {
			return
		}
		if !bytes.Equal(bytes.Join([][]byte{b.header, b.nonce, b.sealed}, nil), data) {
			t.Fatal("the parts are not the whole")
		}
		id, ok := parseUUID(b.keyID)
		if !ok || !bytes.Equal(id[:], data[len(blobMagic):blobHeaderSize]) {
			t.Fatalf("key id %q", b.keyID)
		}
		if _, err := openBlob(k, ctx, b); (err == nil) != bytes.Equal(data, sealed) {
			t.Fatalf("open: %v", err)
		}
	})
}

// FuzzContext reads any JSON as a context: what is accepted has a canonical
// form from which nothing was lost.
func FuzzContext(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":"b"}`, `{"b":"2","a":"1"}`, `{"a":"1","a":"2"}`, `null`, `[]`, `{"a":{}}`, `{"a"`, `{"":""}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var c, again encryptionContext
		if json.Unmarshal(data, &c) != nil || c.validate("c") != nil {
			return
		}
		doc, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(doc, &again); err != nil || !bytes.Equal(c.canonical(), again.canonical()) {
			t.Fatalf("%s: %v", doc, err)
		}
	})
}

// FuzzStore reads any document as a store: what is accepted is written back to
// a document that reads the same.
func FuzzStore(f *testing.F) {
	st := newState()
	k := mustKey(f)
	st.keys[k.ID] = k
	st.aliases["alias/a"] = &alias{Name: "alias/a", KeyID: k.ID}
	doc, err := encodeStore(names{region: defaultRegion, account: defaultAccountID}, st)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(doc)
	f.Add([]byte(`{"format":1,"region":"us-east-1","account_id":"000000000000","keys":null,"aliases":[]}`))
	f.Add([]byte(`{"format":1,"keys":[null]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, st, err := decodeStore(data)
		if err != nil {
			return
		}
		once, err := encodeStore(n, st)
		if err != nil {
			t.Fatal(err)
		}
		n, st, err = decodeStore(once)
		if err != nil {
			t.Fatalf("does not read what it wrote: %v", err)
		}
		if twice, err := encodeStore(n, st); err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("changed in writing: %v", err)
		}
	})
}

func TestUUIDsHaveOneForm(t *testing.T) {
	id := newUUID()
	if u, ok := parseUUID(id); !ok || formatUUID(u) != id {
		t.Errorf("%s does not come back", id)
	}
	for _, s := range []string{"", "x", id + "0", id[:35], id[:8] + "_" + id[9:], "{" + id[1:35] + "}"} {
		if _, ok := parseUUID(s); ok {
			t.Errorf("%q was accepted", s)
		}
	}
}

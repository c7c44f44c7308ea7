package kmsdev_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"pgseal/kmsdev"
)

func TestEverythingSurvivesARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kms.json")
	s, err := kmsdev.Open(path, kmsdev.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := clientOf(t, s)
	one, off, going := newKey(t, c), newKey(t, c), newKey(t, c)
	newAlias(t, c, "alias/one", one)
	disable(t, c, off)
	scheduleDeletion(t, c, going)
	rsa := newKeyOf(t, c, "RSA_2048", "ENCRYPT_DECRYPT")
	mac := newKeyOf(t, c, "HMAC_512", "GENERATE_VERIFY_MAC")
	blob := encrypt(t, c, one, "secret", table)
	before := map[string]*types.KeyMetadata{}
	for _, key := range []string{one, off, going, rsa, mac} {
		before[key] = describe(t, c, key)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	c = clientOf(t, open(t, path))
	for key, want := range before {
		if got := describe(t, c, key); !reflect.DeepEqual(got, want) {
			t.Errorf("before: %+v\nafter: %+v", want, got)
		}
	}
	back, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob, KeyId: aws.String("alias/one"), EncryptionContext: table})
	if err != nil || string(back.Plaintext) != "secret" {
		t.Errorf("%v", err)
	}
}

func TestTheStoreIsPrivateAndSaysThatItIsForDevelopment(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "kms.json")
	newKey(t, clientOf(t, open(t, path)))
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(doc, []byte("must not protect real data")) {
		t.Error("the file does not say what it is")
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %#o", e.Name(), info.Mode().Perm())
		}
		if strings.HasSuffix(e.Name(), ".tmp") {
			t.Errorf("%s was left behind", e.Name())
		}
	}
}

func TestAStoreThatOthersCanReachIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kms.json")
	s, err := kmsdev.Open(path, kmsdev.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o620, 0o644} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := kmsdev.Open(path, kmsdev.Options{}); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %#o: %v", mode, err)
		}
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, path) // and the refusals left no lock behind
}

func TestTwoServersDoNotShareAStore(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "kms.json"), filepath.Join(dir, "link.json")
	s, err := kmsdev.Open(path, kmsdev.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, link} {
		if _, err := kmsdev.Open(name, kmsdev.Options{}); err == nil || !strings.Contains(err.Error(), "another kms-dev") {
			t.Errorf("%s: %v", filepath.Base(name), err)
		}
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	c := clientOf(t, open(t, link))
	newKey(t, c)
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("writing replaced the link: %v, %v", info, err)
	}
}

func TestADamagedStoreIsRefusedAndLeftAsItIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kms.json")
	s, err := kmsdev.Open(path, kmsdev.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.EnsureAlias("alias/a"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damage := map[string][]byte{
		"empty":             {},
		"cut off":           good[:len(good)-10],
		"something after":   append(bytes.Clone(good), '{', '}'),
		"unknown member":    bytes.Replace(good, []byte(`"format"`), []byte(`"colour": 1, "format"`), 1),
		"another format":    bytes.Replace(good, []byte(`"format": 1`), []byte(`"format": 2`), 1),
		"no account":        bytes.Replace(good, []byte(`"000000000000"`), []byte(`""`), 1),
		"short material":    bytes.Replace(good, []byte(`"material": "`), []byte(`"material": "AAAA", "material_id": "`), 1),
		"unknown spec":      bytes.Replace(good, []byte(`SYMMETRIC_DEFAULT`), []byte(`ROT_13`), 1),
		"unknown state":     bytes.Replace(good, []byte(`"Enabled"`), []byte(`"Asleep"`), 1),
		"state and no date": bytes.Replace(good, []byte(`"Enabled"`), []byte(`"PendingDeletion"`), 1),
		"alias of no key":   bytes.Replace(good, []byte(`"key_id": "`), []byte(`"key_id": "x`), 1),
		"null key":          bytes.Replace(good, []byte(`"keys": [`), []byte(`"keys": [null,`), 1),
		"null alias":        bytes.Replace(good, []byte(`"aliases": [`), []byte(`"aliases": [null,`), 1),
	}
	for name, doc := range damage {
		t.Run(name, func(t *testing.T) {
			if bytes.Equal(doc, good) {
				t.Fatal("nothing was damaged")
			}
			if err := os.WriteFile(path, doc, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := kmsdev.Open(path, kmsdev.Options{}); err == nil {
				t.Error("opened")
			}
			if left, err := os.ReadFile(path); err != nil || !bytes.Equal(left, doc) {
				t.Errorf("the file was changed: %v", err)
			}
		})
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, path).EnsureAlias("alias/a"); err != nil {
		t.Error(err)
	}
}

func TestPathsThatCannotBeAStoreAreRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "dir"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"dir", "missing/kms.json"} {
		if _, err := kmsdev.Open(filepath.Join(dir, path), kmsdev.Options{}); err == nil {
			t.Errorf("%s was opened", path)
		}
	}
}

func TestRegionAndAccountAppearInARNsAndStayWithTheStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kms.json")
	there := kmsdev.Options{Region: "eu-central-1", AccountID: "111122223333"}
	s, err := kmsdev.Open(path, there)
	if err != nil {
		t.Fatal(err)
	}
	first, err := s.EnsureAlias("alias/a")
	if err != nil || !strings.HasPrefix(first, "arn:aws:kms:eu-central-1:111122223333:key/") {
		t.Fatalf("%s, %v", first, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, o := range []kmsdev.Options{{Region: "us-east-1"}, {AccountID: "000000000000"}, {Region: "Mars"}, {AccountID: "1"}} {
		if _, err := kmsdev.Open(path, o); err == nil {
			t.Errorf("opened with %+v", o)
		}
	}
	for _, o := range []kmsdev.Options{{}, there} {
		s, err := kmsdev.Open(path, o)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := s.EnsureAlias("alias/a"); err != nil || again != first {
			t.Errorf("%s, %v", again, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEnsureAliasMakesAKeyOnceAndFindsItAfterwards(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "kms.json"))
	c := clientOf(t, s)
	arn, err := s.EnsureAlias("alias/pgseal")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := s.EnsureAlias("alias/pgseal"); err != nil || again != arn {
		t.Errorf("second call: %s, %v", again, err)
	}
	if got := *describe(t, c, "alias/pgseal").Arn; got != arn {
		t.Errorf("the alias names %s, EnsureAlias said %s", got, arn)
	}
	out, err := c.ListKeys(t.Context(), &kms.ListKeysInput{})
	if err != nil || len(out.Keys) != 1 {
		t.Errorf("%d keys: %v", len(out.Keys), err)
	}
	for _, name := range []string{"pgseal", "alias/", "alias/a b", "alias/aws/x", ""} {
		if _, err := s.EnsureAlias(name); err == nil {
			t.Errorf("%q was accepted", name)
		}
	}
}

func TestAfterCloseNothingIsWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kms.json")
	s, err := kmsdev.Open(path, kmsdev.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := clientOf(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = c.CreateKey(t.Context(), &kms.CreateKeyInput{})
	wantCode(t, err, "KMSInternalException")
	if _, err := s.EnsureAlias("alias/a"); err == nil {
		t.Error("EnsureAlias wrote to a closed store")
	}
}

func TestAFailedWriteChangesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "kms.json")
	s := open(t, path)
	c := clientOf(t, s)
	key := newKey(t, c)
	// A directory in the way of the temporary file fails for root too.
	block := filepath.Join(path + ".tmp")
	if err := os.MkdirAll(filepath.Join(block, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := c.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &key})
	wantCode(t, err, "KMSInternalException")
	if m := describe(t, c, key); !m.Enabled {
		t.Error("the key is disabled in memory but not on disk")
	}
	if err := os.RemoveAll(block); err != nil {
		t.Fatal(err)
	}
	disable(t, c, key)
}

func TestServeWorksWithTheSDKsOwnEnvironmentAndStopsWithItsContext(t *testing.T) {
	var log bytes.Buffer
	s, err := kmsdev.Open(filepath.Join(t.TempDir(), "kms.json"), kmsdev.Options{
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	arn, err := s.EnsureAlias("alias/pgseal")
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, ln) }()

	t.Setenv("AWS_ENDPOINT_URL_KMS", "http://"+ln.Addr().String())
	t.Setenv("AWS_REGION", "eu-west-3")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_SESSION_TOKEN", "token")
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	cfg, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := kms.NewFromConfig(cfg)
	out, err := c.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{
		KeyId: aws.String("alias/pgseal"), KeySpec: "AES_256", EncryptionContext: map[string]string{"canary": "context-canary"},
	})
	if err != nil || *out.KeyId != arn {
		t.Fatal(err)
	}
	_, err = c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("alias/id-canary")})
	wantCode(t, err, "NotFoundException")
	resp, err := http.Get("http://" + ln.Addr().String() + "/healthz")
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", resp, err)
	}
	resp.Body.Close()

	stop()
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		t.Error("still listening")
	}
	id := strings.TrimPrefix(arn, arnPrefix+"key/")
	for _, want := range []string{"development only", "op=GenerateDataKey key_id=" + id + " outcome=ok", `op=DescribeKey key_id="" outcome=NotFoundException`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, log.String())
		}
	}
	if strings.Contains(log.String(), "canary") {
		t.Errorf("the log repeats what the client sent:\n%s", log.String())
	}
}

func TestServeReportsAListenerThatFails(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "kms.json"))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(t.Context(), ln); err == nil {
		t.Error("no error")
	}
}

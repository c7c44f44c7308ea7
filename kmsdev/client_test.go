package kmsdev_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"pgseal/kmsdev"
)

const (
	unknownKey = "12345678-90ab-4cde-8f01-234567890abc"
	arnPrefix  = "arn:aws:kms:us-east-1:000000000000:"
)

// open opens a store for the length of the test.
func open(t *testing.T, path string) *kmsdev.Server {
	t.Helper()
	s, err := kmsdev.Open(path, kmsdev.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// clientOf serves s on loopback and returns the AWS SDK's client for it.
func clientOf(t *testing.T, s *kmsdev.Server) *kms.Client {
	t.Helper()
	srv := httptest.NewServer(s.Handler())
	t.Cleanup(srv.Close)
	return kms.New(kms.Options{
		Region:           "us-east-1",
		BaseEndpoint:     aws.String(srv.URL),
		Credentials:      credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
		RetryMaxAttempts: 1,
	})
}

func newClient(t *testing.T) *kms.Client {
	t.Helper()
	return clientOf(t, open(t, filepath.Join(t.TempDir(), "kms.json")))
}

// newKey creates a symmetric key and returns its ARN.
func newKey(t *testing.T, c *kms.Client) string {
	t.Helper()
	out, err := c.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	return *out.KeyMetadata.Arn
}

func newKeyOf(t *testing.T, c *kms.Client, spec types.KeySpec, usage types.KeyUsageType) string {
	t.Helper()
	out, err := c.CreateKey(t.Context(), &kms.CreateKeyInput{KeySpec: spec, KeyUsage: usage})
	if err != nil {
		t.Fatal(err)
	}
	return *out.KeyMetadata.Arn
}

func newAlias(t *testing.T, c *kms.Client, name, key string) {
	t.Helper()
	if _, err := c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: &name, TargetKeyId: &key}); err != nil {
		t.Fatal(err)
	}
}

func disable(t *testing.T, c *kms.Client, key string) {
	t.Helper()
	if _, err := c.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &key}); err != nil {
		t.Fatal(err)
	}
}

func scheduleDeletion(t *testing.T, c *kms.Client, key string) {
	t.Helper()
	if _, err := c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: &key}); err != nil {
		t.Fatal(err)
	}
}

func encrypt(t *testing.T, c *kms.Client, key, plaintext string, ctx map[string]string) []byte {
	t.Helper()
	out, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: &key, Plaintext: []byte(plaintext), EncryptionContext: ctx})
	if err != nil {
		t.Fatal(err)
	}
	return out.CiphertextBlob
}

// wantCode fails the test unless err is the named exception of the protocol,
// with a message.
func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) {
		t.Fatalf("got %v, want %s", err, code)
	}
	if api.ErrorCode() != code {
		t.Fatalf("got %s (%s), want %s", api.ErrorCode(), api.ErrorMessage(), code)
	}
	if api.ErrorMessage() == "" {
		t.Fatalf("%s has no message", code)
	}
}

// refusal is one request and the exception it must meet.
type refusal struct {
	name string
	code string
	call func(ctx context.Context) error
}

func checkRefusals(t *testing.T, refusals []refusal) {
	t.Helper()
	for _, r := range refusals {
		t.Run(r.name, func(t *testing.T) { wantCode(t, r.call(t.Context()), r.code) })
	}
}

package keystore

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// KMS is what the store asks of AWS KMS; *kms.Client is one.
type KMS interface {
	GenerateDataKeyWithoutPlaintext(context.Context, *kms.GenerateDataKeyWithoutPlaintextInput, ...func(*kms.Options)) (*kms.GenerateDataKeyWithoutPlaintextOutput, error)
	Decrypt(context.Context, *kms.DecryptInput, ...func(*kms.Options)) (*kms.DecryptOutput, error)
	DescribeKey(context.Context, *kms.DescribeKeyInput, ...func(*kms.Options)) (*kms.DescribeKeyOutput, error)
}

const (
	// One attempt, and then with the SDK's three attempts a call, stays within
	// what a client waits for a statement.
	attemptTimeout = 5 * time.Second
	dialTimeout    = 2 * time.Second
	maxBackoff     = time.Second
)

// NewKMS returns a client with the AWS SDK's own configuration: environment,
// shared files, instance roles, AWS_ENDPOINT_URL_KMS. An attempt takes at most 5
// seconds; the SDK tries three times unless AWS_MAX_ATTEMPTS says otherwise.
//
// Its connections overwrite what they have read as soon as it has been used, so
// that plaintext keys do not stay in the buffers of net/http. It speaks HTTP/1.1
// only, because the buffers of HTTP/2 are out of reach. See plaintext.go for
// what remains.
func NewKMS(ctx context.Context) (*kms.Client, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(attemptTimeout)))
	if err != nil {
		return nil, fmt.Errorf("read the AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		return nil, &Error{
			message: "the AWS configuration names no region",
			hint:    "Set AWS_REGION to the region of the KMS key.",
			kinds:   []error{ErrConfiguration},
		}
	}
	// The SDK may have put its own certificates into the client meanwhile.
	client, ok := cfg.HTTPClient.(*awshttp.BuildableClient)
	if !ok {
		return nil, errors.New("the AWS configuration has an HTTP client of another kind")
	}
	cfg.HTTPClient = client.WithTransportOptions(overwriteBuffers)
	return kms.NewFromConfig(cfg, func(o *kms.Options) {
		o.Retryer = retry.AddWithMaxBackoffDelay(o.Retryer, maxBackoff)
	}), nil
}

// overwriteBuffers makes a transport's connections overwriting ones.
func overwriteBuffers(t *http.Transport) {
	dialer := &net.Dialer{Timeout: dialTimeout}
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return overwriting{conn}, nil
	}
	settings := t.TLSClientConfig.Clone()
	if settings == nil {
		settings = &tls.Config{}
	}
	settings.MinVersion = max(settings.MinVersion, tls.VersionTLS12)
	settings.NextProtos = []string{"http/1.1"}
	// Above TLS and not below, where there is only ciphertext.
	t.DialTLSContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&tls.Dialer{NetDialer: dialer, Config: settings}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return overwriting{conn}, nil
	}
	t.ForceAttemptHTTP2 = false
	t.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	t.DisableCompression = true
}

// overwriting is a connection that clears the buffer which it is about to read
// into. net/http reads all answers of a connection into one buffer, and asks for
// the next as soon as one has been used up.
type overwriting struct{ net.Conn }

func (c overwriting) Read(p []byte) (int, error) {
	clear(p)
	return c.Conn.Read(p)
}

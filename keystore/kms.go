package keystore

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go/logging"
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
// It speaks HTTP/1.1 only, over connections that keep no plaintext key: see
// overwriteBuffers.
func NewKMS(ctx context.Context) (*kms.Client, error) {
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(attemptTimeout)),
		// Its remarks would go to standard error, past the structured log; what
		// matters of them is in the errors.
		config.WithLogger(logging.Nop{}))
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
	cfg.HTTPClient = wholeRequests{client.WithTransportOptions(overwriteBuffers)}
	return kms.NewFromConfig(cfg, func(o *kms.Options) {
		o.Retryer = retry.AddWithMaxBackoffDelay(o.Retryer, maxBackoff)
	}), nil
}

// overwriteBuffers keeps plaintext keys out of the buffers of a transport.
//
// net/http reads an answer through a buffer of its own and keeps it for the next;
// made as small as it can be, a body goes past it into the buffer of whoever
// reads the body. crypto/tls decrypts in the very buffer that it has read into
// from the connection, and reads again as soon as the answer is used up; the
// connection then clears the buffer first. The buffers of HTTP/2 are out of
// reach, as are those of decompression.
func overwriteBuffers(t *http.Transport) {
	const smallest = 16 // bytes; what bufio makes of anything less
	t.ReadBufferSize = smallest
	dialer := &net.Dialer{Timeout: dialTimeout}
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, address)
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
// into.
type overwriting struct{ net.Conn }

func (c overwriting) Read(p []byte) (int, error) {
	clear(p)
	return c.Conn.Read(p)
}

// wholeRequests sends each request in one piece. The SDK closes the body of its
// request as soon as the answer begins; where a server answers before it has
// read all, as it does when it is overloaded, net/http would take that for a
// failed request, close the connection and lose the rest of the answer.
type wholeRequests struct{ aws.HTTPClient }

func (c wholeRequests) Do(r *http.Request) (*http.Response, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return c.HTTPClient.Do(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	whole := *r
	whole.Body = io.NopCloser(bytes.NewReader(body))
	return c.HTTPClient.Do(&whole)
}

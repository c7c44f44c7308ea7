package kmsfault_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go"

	"pgseal/kmsdev"
	"pgseal/kmsdev/kmsfault"
)

// start serves a KMS with one key, alias/a, behind an Injector.
func start(t *testing.T, attempts int) (*kmsfault.Injector, *kms.Client) {
	t.Helper()
	s, err := kmsdev.Open(filepath.Join(t.TempDir(), "kms.json"), kmsdev.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if _, err := s.EnsureAlias("alias/a"); err != nil {
		t.Fatal(err)
	}
	faults := kmsfault.New(s.Handler())
	srv := httptest.NewServer(faults)
	t.Cleanup(srv.Close)
	return faults, kms.New(kms.Options{
		Region:           "us-east-1",
		BaseEndpoint:     aws.String(srv.URL),
		Credentials:      credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
		RetryMaxAttempts: attempts,
	})
}

func describe(ctx context.Context, c *kms.Client) error {
	_, err := c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String("alias/a")})
	return err
}

func random(ctx context.Context, c *kms.Client) error {
	_, err := c.GenerateRandom(ctx, &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(8)})
	return err
}

func TestTheNextRequestsOfAnOperationFailAsTheTestSaid(t *testing.T) {
	faults, c := start(t, 1)
	for _, f := range []kmsfault.Failure{
		kmsfault.AccessDenied, kmsfault.NotFound, kmsfault.Throttled, kmsfault.Internal, kmsfault.KeyUnavailable, kmsfault.DependencyTimeout,
	} {
		faults.Fail("DescribeKey", 2, f)
		for range 2 {
			var api smithy.APIError
			if err := describe(t.Context(), c); !errors.As(err, &api) || api.ErrorCode() != f.Exception || api.ErrorMessage() != f.Message {
				t.Errorf("got %v, want %s", err, f.Exception)
			}
			if err := random(t.Context(), c); err != nil {
				t.Errorf("another operation failed too: %v", err)
			}
		}
		if err := describe(t.Context(), c); err != nil {
			t.Errorf("the third request: %v", err)
		}
	}
}

func TestFailuresWithoutAnAnswerOfTheProtocol(t *testing.T) {
	faults, c := start(t, 1)
	faults.Fail(kmsfault.Any, 1, kmsfault.BadGateway)
	var response interface{ HTTPStatusCode() int }
	if err := describe(t.Context(), c); !errors.As(err, &response) || response.HTTPStatusCode() != http.StatusBadGateway {
		t.Errorf("got %v", err)
	}
	faults.Fail(kmsfault.Any, 1, kmsfault.Disconnected)
	var api smithy.APIError
	if err := describe(t.Context(), c); err == nil || errors.As(err, &api) {
		t.Errorf("got %v, want a broken connection", err)
	}
	if err := describe(t.Context(), c); err != nil {
		t.Error(err)
	}
}

func TestTheSDKRetriesWhatMayBeRetriedAndEveryAttemptCounts(t *testing.T) {
	faults, c := start(t, 2)
	faults.Fail("DescribeKey", 1, kmsfault.Throttled)
	if err := describe(t.Context(), c); err != nil {
		t.Error(err)
	}
	if n := faults.Count("DescribeKey"); n != 2 {
		t.Errorf("%d attempts, want 2", n)
	}
	faults.Fail("DescribeKey", kmsfault.Always, kmsfault.AccessDenied)
	if err := describe(t.Context(), c); err == nil {
		t.Error("no error")
	}
	if n := faults.Count("DescribeKey"); n != 3 {
		t.Errorf("%d attempts, want 3", n)
	}
	if err := random(t.Context(), c); err != nil {
		t.Error(err)
	}
	if n := faults.Count(kmsfault.Any); n != 4 {
		t.Errorf("%d requests in all, want 4", n)
	}
}

func TestClearEndsAllFailures(t *testing.T) {
	faults, c := start(t, 1)
	faults.Fail(kmsfault.Any, kmsfault.Always, kmsfault.Internal)
	for range 3 {
		if describe(t.Context(), c) == nil {
			t.Error("no error")
		}
	}
	faults.Clear()
	if err := describe(t.Context(), c); err != nil {
		t.Error(err)
	}
}

func TestAHeldRequestIsAnsweredWhenTheTestLetsItGo(t *testing.T) {
	faults, c := start(t, 1)
	release := make(chan struct{})
	faults.Hold("DescribeKey", release)
	done := make(chan error, 1)
	go func() { done <- describe(t.Context(), c) }()
	if err := faults.Await(t.Context(), "DescribeKey", 1); err != nil {
		t.Fatal(err)
	}
	if err := random(t.Context(), c); err != nil {
		t.Errorf("another operation: %v", err)
	}
	select {
	case err := <-done:
		t.Fatalf("answered while held: %v", err)
	default:
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestAClientCanGiveUpAHeldRequest(t *testing.T) {
	faults, c := start(t, 1)
	// Never closed: only the client's departure ends the request, and the
	// test server would wait for it at the end.
	faults.Hold(kmsfault.Any, make(chan struct{}))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- describe(ctx, c) }()
	if err := faults.Await(t.Context(), "DescribeKey", 1); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	faults, _ := start(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := faults.Await(ctx, kmsfault.Any, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

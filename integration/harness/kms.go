package harness

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
)

const (
	kmsRegion    = "us-east-1"
	kmsAccessKey = "harness"
	kmsSecretKey = "harness"
)

// KMS is the administrator of the key management service that the environment
// runs. Keys are made, disabled and enabled through it, as a cloud's operator
// would.
type KMS struct {
	Endpoint string
	client   *kms.Client
}

// NewKMS is the administrator of the KMS that listens on addr, host:port.
func NewKMS(addr string) *KMS {
	endpoint := "http://" + addr
	return &KMS{Endpoint: endpoint, client: kms.New(kms.Options{
		Region:       kmsRegion,
		BaseEndpoint: &endpoint,
		Credentials:  credentials.NewStaticCredentialsProvider(kmsAccessKey, kmsSecretKey, ""),
	})}
}

// CreateKey makes a symmetric key and returns its ARN.
func (k *KMS) CreateKey(ctx context.Context) (string, error) {
	out, err := k.client.CreateKey(ctx, &kms.CreateKeyInput{})
	if err != nil {
		return "", err
	}
	return *out.KeyMetadata.Arn, nil
}

// Disable disables a key until Enable.
func (k *KMS) Disable(ctx context.Context, key string) error {
	_, err := k.client.DisableKey(ctx, &kms.DisableKeyInput{KeyId: &key})
	return err
}

// Enable enables a disabled key.
func (k *KMS) Enable(ctx context.Context, key string) error {
	_, err := k.client.EnableKey(ctx, &kms.EnableKeyInput{KeyId: &key})
	return err
}

// Environ is what the AWS SDK of a pgseal process reads.
func (k *KMS) Environ() []string {
	return []string{
		"AWS_ENDPOINT_URL_KMS=" + k.Endpoint,
		"AWS_REGION=" + kmsRegion,
		"AWS_ACCESS_KEY_ID=" + kmsAccessKey,
		"AWS_SECRET_ACCESS_KEY=" + kmsSecretKey,
		"AWS_EC2_METADATA_DISABLED=true",
	}
}

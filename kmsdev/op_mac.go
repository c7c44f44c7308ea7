package kmsdev

import (
	"crypto/hmac"
)

const (
	maxMACMessage = 4096
	maxMAC        = 6144
)

type macInput struct {
	KeyID        *string `json:"KeyId"`
	Message      []byte
	MacAlgorithm *string
	Mac          []byte
	GrantTokens  grantTokens
	DryRun       bool
}

// mac computes the MAC that either operation is about.
func (s *Server) mac(c *call, in *macInput) (*key, []byte, error) {
	if in.MacAlgorithm == nil {
		return nil, nil, invalid("Value null at 'macAlgorithm' failed to satisfy constraint: Member must not be null.")
	}
	if err := firstError(
		checkEnum("macAlgorithm", in.MacAlgorithm, "HMAC_SHA_224", "HMAC_SHA_256", "HMAC_SHA_384", "HMAC_SHA_512"),
		checkSize("message", in.Message, 1, maxMACMessage),
	); err != nil {
		return nil, nil, err
	}
	k, err := s.resolve(c, "keyId", in.KeyID, in.GrantTokens)
	if err != nil {
		return nil, nil, err
	}
	if err := k.usableFor(s.names, usageMAC); err != nil {
		return nil, nil, err
	}
	spec := keySpecs[k.Spec]
	if spec.mac != *in.MacAlgorithm {
		return nil, nil, refuse("InvalidKeyUsageException", "%s key spec is %s, which the MAC algorithm %s does not fit.",
			s.names.keyARN(k.ID), k.Spec, *in.MacAlgorithm)
	}
	h := hmac.New(spec.hash, k.Material)
	h.Write(in.Message)
	return k, h.Sum(nil), nil
}

type generateMacAnswer struct {
	KeyID        string `json:"KeyId"`
	Mac          []byte
	MacAlgorithm string
}

func (s *Server) generateMac(c *call, in *macInput) (any, error) {
	k, mac, err := s.mac(c, in)
	if err != nil {
		return nil, err
	}
	if in.DryRun {
		return nil, dryRun()
	}
	return generateMacAnswer{s.names.keyARN(k.ID), mac, *in.MacAlgorithm}, nil
}

type verifyMacAnswer struct {
	KeyID        string `json:"KeyId"`
	MacValid     bool
	MacAlgorithm string
}

func (s *Server) verifyMac(c *call, in *macInput) (any, error) {
	if err := checkSize("mac", in.Mac, 1, maxMAC); err != nil {
		return nil, err
	}
	k, mac, err := s.mac(c, in)
	if err != nil {
		return nil, err
	}
	if !hmac.Equal(mac, in.Mac) {
		return nil, refuse("KMSInvalidMacException", "The MAC does not fit the message, the key and the algorithm.")
	}
	if in.DryRun {
		return nil, dryRun()
	}
	return verifyMacAnswer{s.names.keyARN(k.ID), true, *in.MacAlgorithm}, nil
}

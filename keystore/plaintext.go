package keystore

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// The SDK leaves plaintext keys where nobody can erase them: the answer's body
// in a pool of buffers, the key as base64 and again as bytes. A plaintext takes
// the key out of the answer before the SDK sees it, so that it stands in one
// buffer of ours and nowhere else.
//
// What remains for the garbage collector: the last record that crypto/tls has
// decrypted, if the connection ends with that answer instead of serving for the
// next (see overwriteBuffers).
type plaintext struct {
	key []byte
	err error // why the answer had no key in it
}

const (
	// maxAnswer bounds an answer with a key in it, in bytes. KMS sends some 700.
	maxAnswer = 16 << 10
	// maxKey bounds a plaintext in bytes; data keys have 16 or 32.
	maxKey = 1 << 10
)

var (
	errAnswerSize  = errors.New("the answer of KMS is too long")
	errAnswerShape = errors.New("the answer of KMS has no plaintext key in it")
)

// intercept is an option of one call of KMS.
func (p *plaintext) intercept(o *kms.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		// After all others: next to the connection.
		return stack.Deserialize.Add(p, middleware.After)
	})
}

// erase zeroes the key.
func (p *plaintext) erase() {
	clear(p.key)
	p.key = nil
}

// ID names the middleware in the SDK's stack.
func (p *plaintext) ID() string { return "pgseal.plaintext" }

// HandleDeserialize takes the key out of a successful answer. The SDK calls it
// once for each attempt.
func (p *plaintext) HandleDeserialize(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (
	middleware.DeserializeOutput, middleware.Metadata, error) {
	p.erase()
	p.err = nil
	out, metadata, err := next.HandleDeserialize(ctx, in)
	if err != nil {
		return out, metadata, err
	}
	response, ok := out.RawResponse.(*smithyhttp.Response)
	if !ok || response.StatusCode < 200 || response.StatusCode > 299 {
		return out, metadata, nil
	}
	body := make([]byte, maxAnswer)
	defer clear(body)
	n, err := io.ReadFull(response.Body, body)
	if closeErr := response.Body.Close(); err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = closeErr
	}
	if err != nil {
		return out, metadata, err
	}
	// An empty body is an empty answer to the SDK; why it is empty stands in p.
	var rest []byte
	if n == len(body) {
		p.err = errAnswerSize
	} else {
		p.key, rest, p.err = takeKey(body[:n])
	}
	response.Body = io.NopCloser(bytes.NewReader(rest))
	return out, metadata, nil
}

// takeKey decodes the plaintext key in the body of an answer, and makes a body
// of the rest that matters: the ARN of the KMS key. It changes body.
func takeKey(body []byte) (key, rest []byte, err error) {
	// Checks the whole text without a copy of any of it, so that member need
	// not be careful.
	if !json.Valid(body) {
		return nil, nil, errAnswerShape
	}
	encoded := unescape(member(body, "Plaintext"))
	if len(encoded) == 0 || len(encoded) > base64.StdEncoding.EncodedLen(maxKey) {
		return nil, nil, errAnswerShape
	}
	key = make([]byte, base64.StdEncoding.DecodedLen(len(encoded)))
	n, err := base64.StdEncoding.Decode(key, encoded)
	if err != nil || n == 0 {
		clear(key)
		return nil, nil, errAnswerShape
	}
	if arn := member(body, "KeyId"); arn != nil {
		rest = slices.Concat([]byte(`{"KeyId":"`), arn, []byte(`"}`))
	}
	return key[:n:n], rest, nil
}

// member returns the inside of the string that a member of a JSON object has as
// its value, a part of text; nil if there is no such member, or it is not a
// string. text is valid JSON; of two members of that name it is the first.
func member(text []byte, name string) []byte {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			end := i + 1 + closingQuote(text[i+1:])
			inside := text[i+1 : end : end]
			i = end
			after := bytes.TrimLeft(text[end+1:], " \t\r\n")
			if depth != 1 || text[0] == '[' || len(after) == 0 || after[0] != ':' || string(inside) != name {
				continue
			}
			value := bytes.TrimLeft(after[1:], " \t\r\n")
			if value[0] != '"' {
				return nil
			}
			n := closingQuote(value[1:])
			return value[1 : 1+n : 1+n]
		}
	}
	return nil
}

// closingQuote returns the position of the quote that ends a JSON string.
func closingQuote(text []byte) int {
	i := 0
	for text[i] != '"' {
		if text[i] == '\\' {
			i++
		}
		i++
	}
	return i
}

// unescape undoes, in place, the escapes that an encoder may use within base64:
// \/ and \u003d and the like. Others are left as they are, and are no base64.
func unescape(text []byte) []byte {
	n := 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '\\' && i+1 < len(text) {
			switch {
			case text[i+1] == '/':
				c, i = '/', i+1
			case text[i+1] == 'u' && i+5 < len(text):
				var code [2]byte
				if _, err := hex.Decode(code[:], text[i+2:i+6]); err == nil && code[0] == 0 && code[1] < 0x80 {
					c, i = code[1], i+5
				}
			}
		}
		text[n] = c
		n++
	}
	return text[:n]
}

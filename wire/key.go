package wire

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// keyHeader carries a digest of the cluster's key with every call.
const keyHeader = "kelp-key"

// keyDigest is what a key becomes on the wire: the key itself never travels.
func keyDigest(key []byte) string {
	sum := sha256.Sum256(append([]byte("kelp rpc\x00"), key...))
	return hex.EncodeToString(sum[:])
}

// checkKey compares in constant time.
func checkKey(ctx context.Context, key []byte) error {
	if len(key) == 0 {
		return nil
	}
	headers, _ := metadata.FromIncomingContext(ctx)
	got := headers.Get(keyHeader)
	if len(got) != 1 || subtle.ConstantTimeCompare([]byte(got[0]), []byte(keyDigest(key))) != 1 {
		return status.Error(codes.Unauthenticated, "wrong cluster key")
	}
	return nil
}

// keyCredentials sends the key with every call. Whether the connection must be
// encrypted is for the configuration to say: keys are used on loopback too.
type keyCredentials struct{ digest string }

func (k keyCredentials) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{keyHeader: k.digest}, nil
}

func (k keyCredentials) RequireTransportSecurity() bool { return false }

package aggregator

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Role is what a token lets its bearer do. Roles are bits, so that a call can name
// all that may make it.
type Role uint8

const (
	RoleRead   Role = 1 << iota // asks
	RoleIngest                  // sends rows, and no more
	RoleAdmin                   // all
	roleNode                    // another node of the cluster, by the cluster's key
)

// Who may make a call. A call that is registered with none of these is open.
const (
	forRead    = RoleRead | RoleAdmin
	forIngest  = RoleIngest | RoleAdmin
	forAdmin   = RoleAdmin
	forMembers = forRead | roleNode // who wants to join reads who is there
	forNodes   = RoleAdmin | roleNode
	forAll     = RoleRead | RoleIngest | RoleAdmin
)

func (r Role) String() string {
	switch r {
	case RoleRead:
		return "read"
	case RoleIngest:
		return "ingest"
	case RoleAdmin:
		return "admin"
	case roleNode:
		return "node"
	}
	panic(fmt.Sprintf("BUG: %#x is not one role", uint8(r)))
}

// least names the role that is enough for a call, the weakest of those that are.
func (r Role) least() string {
	for _, one := range []Role{RoleRead, RoleIngest} {
		if r&one != 0 {
			return one.String()
		}
	}
	return RoleAdmin.String()
}

// Access says who may make which call. It never changes; nil: everyone may make all.
type Access struct {
	tokens []accessToken
}

// accessToken is a token without the secret: what lies in memory opens nothing.
type accessToken struct {
	name   string
	role   Role
	digest [sha256.Size]byte
}

// nodeName is whom other nodes appear as. It is no token's name.
const nodeName = "(node)"

// isWord tells whether text is of letters, digits and signs alone, and not empty.
func isWord(text, signs string) bool {
	return text != "" && strings.IndexFunc(text, func(c rune) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune(signs, c))
	}) < 0
}

// ParseTokens reads a file of tokens, a line NAME ROLE TOKEN each; empty lines and
// those that begin with # are passed over. With the cluster's key, what NodeToken
// makes of it is a token, too, for the little that nodes ask each other.
//
// An error gives the number of its line, and nothing of what stands there: where
// the words are in another order, any of them may be the secret.
func ParseTokens(text, clusterKey []byte) (*Access, error) {
	x := new(Access)
	names := make(map[string]int)
	secrets := make(map[[sha256.Size]byte]int)
	number := 0
	for line := range bytes.Lines(text) {
		number++
		words := strings.Fields(string(line))
		if len(words) == 0 || words[0][0] == '#' {
			continue
		}
		t, err := parseToken(words)
		switch {
		case err != nil:
		case len(x.tokens) == tokensMax:
			err = fmt.Errorf("there are more than %d tokens", tokensMax)
		case names[t.name] > 0:
			err = fmt.Errorf("the name is line %d's already", names[t.name])
		case secrets[t.digest] > 0:
			err = fmt.Errorf("the token is line %d's already", secrets[t.digest])
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		names[t.name], secrets[t.digest] = number, number
		x.tokens = append(x.tokens, t)
	}
	if len(x.tokens) == 0 {
		return nil, errors.New("it has no token: write a line NAME ROLE TOKEN, like `ops admin` and 32 random letters")
	}
	if len(clusterKey) > 0 {
		x.tokens = append(x.tokens, accessToken{nodeName, roleNode, sha256.Sum256([]byte(NodeToken(clusterKey)))})
	}
	return x, nil
}

func parseToken(words []string) (t accessToken, err error) {
	if len(words) != 3 {
		return t, fmt.Errorf("it has %d words; write NAME ROLE TOKEN", len(words))
	}
	if t.name = words[0]; len(t.name) > tokenNameMax || !isWord(t.name, "_.-") {
		return t, fmt.Errorf("the name must be 1 to %d of A-Z a-z 0-9 _ . -", tokenNameMax)
	}
	for _, role := range []Role{RoleRead, RoleIngest, RoleAdmin} {
		if words[1] == role.String() {
			t.role = role
		}
	}
	secret := words[2]
	switch {
	case t.role == 0:
		return t, errors.New("the second word must be a role: read, ingest or admin")
	case len(secret) < tokenBytesMin || len(secret) > tokenBytesMax:
		return t, fmt.Errorf("the token has %d bytes; it must have %d to %d", len(secret), tokenBytesMin, tokenBytesMax)
	case !isWord(strings.TrimRight(secret, "="), "-._~+/"): // what the header can carry (RFC 6750)
		return t, errors.New("the token must be of A-Z a-z 0-9 - . _ ~ + / and may end with =, or it can not be sent")
	}
	t.digest = sha256.Sum256([]byte(secret))
	return t, nil
}

// NodeToken is the token that a node shows to others over HTTP. The key can not be
// found from it.
func NodeToken(clusterKey []byte) string {
	mac := hmac.New(sha256.New, clusterKey)
	mac.Write([]byte("kelp node over http"))
	return hex.EncodeToString(mac.Sum(nil))
}

// bearer is who makes a call.
type bearer struct {
	name string // "": no token is asked for
	role Role
}

// may tells whether the bearer has one of the roles.
func (b bearer) may(roles Role) bool { return b.role&roles != 0 }

type bearerKey struct{}

// bearerOf is who makes the call of a context.
func bearerOf(ctx context.Context) bearer {
	b, _ := ctx.Value(bearerKey{}).(bearer)
	return b
}

// guard lets a call through to serve if its bearer has one of the roles.
func (x *Access) guard(roles Role, serve http.HandlerFunc) http.HandlerFunc {
	if x == nil {
		return serve
	}
	return func(w http.ResponseWriter, r *http.Request) {
		b, refused := x.admit(r, roles)
		if refused != nil {
			if refused.Status == http.StatusUnauthorized {
				w.Header().Set("WWW-Authenticate", `Bearer realm="kelp"`)
			}
			writeError(w, refused)
			return
		}
		serve(w, r.WithContext(context.WithValue(r.Context(), bearerKey{}, b)))
	}
}

const tokenHint = "send Authorization: Bearer TOKEN; kelp's commands take --token, or KELP_TOKEN in the environment"

// admit finds out who makes a call and whether they may.
func (x *Access) admit(r *http.Request, roles Role) (bearer, *apiError) {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || secret == "" {
		return bearer{}, &apiError{Status: http.StatusUnauthorized, Code: "unauthorized",
			Message: "this call needs a token of role " + roles.least(), Hint: tokenHint}
	}
	t := x.find(strings.TrimSpace(secret))
	if t == nil {
		return bearer{}, &apiError{Status: http.StatusUnauthorized, Code: "unauthorized",
			Message: "this server does not know the token", Hint: "those it knows are in the file that it was started with (--token-file)"}
	}
	b := bearer{t.name, t.role}
	if !b.may(roles) {
		return b, forbidden(b, roles)
	}
	return b, nil
}

func forbidden(b bearer, roles Role) *apiError {
	return &apiError{Status: http.StatusForbidden, Code: "forbidden",
		Message: fmt.Sprintf("this call needs a token of role %s; %s has the role %s", roles.least(), b.name, b.role),
		Hint:    "use a token of that role, or of role admin"}
}

// find looks a token up. How long it takes says nothing of those that are there: all
// are compared, and by their digests.
func (x *Access) find(secret string) (found *accessToken) {
	if len(secret) > tokenBytesMax {
		return nil
	}
	digest := sha256.Sum256([]byte(secret))
	for i := range x.tokens {
		if subtle.ConstantTimeCompare(digest[:], x.tokens[i].digest[:]) == 1 {
			found = &x.tokens[i]
		}
	}
	return found
}

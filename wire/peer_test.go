package wire

import (
	"bytes"
	"context"
	"errors"
	"net"
	"testing"
)

// TestPeer: nodes without a leaf answer each other, know the key, and are no leaves.
func TestPeer(t *testing.T) {
	key := []byte("a key of sixteen bytes")
	s, err := NewServer(ServerConfig{Key: key, Peer: func(_ context.Context, msg []byte) ([]byte, error) {
		if len(msg) == 0 {
			return nil, errors.New("nothing came")
		}
		return append(msg, '!'), nil
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	dial := func(key []byte) *Client {
		c, err := Dial(ln.Addr().String(), ClientConfig{Key: key})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	c := dial(key)
	if got, err := c.Peer(t.Context(), []byte("hello")); err != nil || !bytes.Equal(got, []byte("hello!")) {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := c.Peer(t.Context(), nil); err == nil || err.Error() != "nothing came" {
		t.Errorf("its error is %v", err)
	}
	if _, err := dial([]byte("another key of 16 b")).Peer(t.Context(), []byte("hello")); err == nil {
		t.Error("a stranger was answered")
	}
	var coded *Error
	if _, err := c.Status(t.Context()); !errors.As(err, &coded) || coded.Code != CodeBad {
		t.Errorf("a leaf's status: %v", err)
	}
	if err := c.Subscribe(t.Context(), Subscriber{}, func(*Update) error { return nil }); !errors.As(err, &coded) || coded.Code != CodeBad {
		t.Errorf("it promises rows: %v", err)
	}
	s.Stop(0)
	if err := <-served; err != nil {
		t.Error(err)
	}
	if _, err := c.Peer(t.Context(), []byte("hello")); !errors.As(err, &coded) || coded.Code != CodeUnreachable && coded.Code != CodeBroken {
		t.Errorf("after its end: %v", err)
	}
}

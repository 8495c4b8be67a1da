package wire

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/apache/arrow/go/v15/arrow/flight"
)

// DoExchange is a subscription: it pushes the leaf's updates until the client
// ends it, the server stops, or an update is not confirmed within the lease. When
// the server stops, the leaf has its last word before the stream ends.
func (s *Server) DoExchange(stream flight.FlightService_DoExchangeServer) error {
	in := receiver{from: stream}
	first, err := in.next()
	if err != nil {
		return badMessage(err)
	}
	who, err := readSubscriber(first.payload)
	if first.kind != kindSubscribe || err != nil {
		return badMessage(errors.New("a subscription without a name"))
	}
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	listened, end := context.WithCancel(ctx)
	defer end()
	defer context.AfterFunc(s.stopped, end)()
	sub := &subscription{
		lease:   s.cfg.Lease,
		updates: make(chan []byte),
		news:    make(chan uint64, 1),
		broken:  make(chan error, 2),
	}
	// Both end with the stream: it ends when this function returns.
	s.pumps.Add(2)
	go func() { defer s.pumps.Done(); sub.push(ctx, &sender{to: stream}) }()
	go func() { defer s.pumps.Done(); sub.hear(ctx, &in) }()
	err = s.leaf.Subscribe(listened, who, func(u *Update) error { return sub.sink(ctx, u) })
	if s.stopped.Err() != nil {
		return &Error{Code: CodeClosing, Message: "the leaf is shutting down"}
	}
	return err
}

// subscription is one subscriber's stream. The leaf's goroutine (sink) waits
// for two others, one that sends and one that receives, since either may block
// on a peer that is frozen for longer than the lease.
type subscription struct {
	lease   time.Duration
	updates chan []byte // encoded
	news    chan uint64 // numbers of updates confirmed
	broken  chan error  // from either goroutine
	sent    uint64      // updates handed over; sink's
}

// sink sends an update and waits until it is confirmed.
func (s *subscription) sink(ctx context.Context, u *Update) error {
	timer := time.NewTimer(s.lease)
	defer timer.Stop()
	for i := range u.Tables {
		if err := checkCounts(u.Tables[i].Buckets); err != nil {
			return fmt.Errorf("cannot send the promise of table %q: %w", u.Tables[i].Table, err)
		}
	}
	text := AppendUpdate(nil, u)
	if len(text) > updateBytesMax {
		return fmt.Errorf("an update of %d bytes; at most %d: drop tables, or columns that nobody needs", len(text), updateBytesMax)
	}
	number := s.sent
	s.sent++
	select {
	case s.updates <- text:
	case err := <-s.broken:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return s.late()
	}
	for {
		select {
		case confirmed := <-s.news:
			if confirmed == number {
				return nil
			}
		case err := <-s.broken:
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			return s.late()
		}
	}
}

func (s *subscription) late() error {
	return fmt.Errorf("the subscriber did not confirm within %v and is dropped", s.lease)
}

// push sends updates in pieces.
func (s *subscription) push(ctx context.Context, out *sender) {
	for {
		select {
		case <-ctx.Done():
			return
		case text := <-s.updates:
			if err := sendPieces(out, text); err != nil {
				s.broken <- err
				return
			}
		}
	}
}

// sendPieces sends an encoded update; each piece says whether it is the last.
func sendPieces(out *sender, text []byte) error {
	for {
		n := min(len(text), pieceBytes)
		err := out.send(kindUpdate, func(dst []byte) []byte {
			dst = appendBool(dst, n == len(text))
			return append(dst, text[:n]...)
		})
		if text = text[n:]; err != nil || len(text) == 0 {
			return err
		}
	}
}

// hear receives confirmations.
func (s *subscription) hear(ctx context.Context, in *receiver) {
	for {
		f, err := in.next()
		if err == nil && f.kind != kindConfirm {
			err = fmt.Errorf("a frame of kind %d from a subscriber", f.kind)
		}
		number, n := binary.Uvarint(f.payload)
		if err == nil && n <= 0 {
			err = errShort
		}
		if err != nil {
			s.broken <- err
			return
		}
		select {
		case s.news <- number:
		case <-ctx.Done():
			return
		}
	}
}

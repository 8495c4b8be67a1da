package wire

import (
	"context"
	"encoding/binary"
	"errors"
	"io"

	"github.com/apache/arrow/go/v15/arrow/flight"
)

// Subscribe receives the peer's updates.
func (c *Client) Subscribe(ctx context.Context, who Subscriber, sink func(*Update) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := flight.NewFlightServiceClient(c.control).DoExchange(ctx)
	if err != nil {
		return errorBefore(ctx, err, nil)
	}
	out := sender{to: stream}
	err = out.send(kindSubscribe, func(dst []byte) []byte { return appendSubscriber(dst, &who) })
	if err != nil && !errors.Is(err, io.EOF) {
		return errorBefore(ctx, err, stream.Trailer())
	}
	in := receiver{from: stream}
	for number := uint64(0); ; number++ {
		u, err := receiveUpdate(&in)
		if err != nil {
			return errorFrom(ctx, err, stream.Trailer())
		}
		if err := sink(u); err != nil {
			return err
		}
		err = out.send(kindConfirm, func(dst []byte) []byte { return binary.AppendUvarint(dst, number) })
		if err != nil && !errors.Is(err, io.EOF) { // after io.EOF the reason is received
			return errorFrom(ctx, err, stream.Trailer())
		}
	}
}

// appendSubscriber encodes who subscribes. Older servers read the name alone.
func appendSubscriber(dst []byte, who *Subscriber) []byte {
	dst = appendText(appendText(dst, who.Name), who.Known.ID)
	return binary.AppendUvarint(binary.AppendUvarint(dst, who.Known.Epoch), who.Known.Seq)
}

// readSubscriber is its inverse. Older clients send the name alone.
func readSubscriber(src []byte) (who Subscriber, err error) {
	r := &reader{src: src}
	who.Name = r.text()
	if r.err == nil && len(r.src) > 0 {
		who.Known = Known{ID: r.text(), Epoch: r.uvarint(), Seq: r.uvarint()}
	}
	return who, r.err
}

// receiveUpdate puts the pieces of an update together.
func receiveUpdate(in *receiver) (*Update, error) {
	var text []byte
	for {
		f, err := in.next()
		if err != nil {
			return nil, err
		}
		if f.kind != kindUpdate || len(f.payload) < 1 || len(text)+len(f.payload) > updateBytesMax+1 {
			return nil, &errDamaged{errors.New("a frame that is no piece of an update, or too large a one")}
		}
		last := f.payload[0] != 0
		if text == nil && last {
			text = f.payload[1:]
		} else {
			text = append(text, f.payload[1:]...)
		}
		if last {
			u, err := DecodeUpdate(text)
			if err != nil {
				return nil, &errDamaged{err}
			}
			return u, nil
		}
	}
}

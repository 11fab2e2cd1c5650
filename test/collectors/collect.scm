;; The library in Guile, whose garbage collector (libgc) stops all threads by a signal, while threads wait in the
;; library, exchange messages, and run callbacks. Exits with 0, or crashes.
;;
;;     guile collect.scm LIBRARY
(use-modules (system foreign) (system foreign-library) (ice-9 threads) (rnrs bytevectors))

(define library (load-foreign-library (cadr (command-line))))
(define (function name . types) (foreign-library-function library name #:return-type int32 #:arg-types types))
(define client-new (function "obe_client_new" '* int32 '*))
(define server-new (function "obe_server_new" '* int32 '*))
(define free (function "obe_free" uintptr_t))
(define port-of (function "obe_port" uintptr_t '*))
(define receive (function "obe_receive" uintptr_t '* int64 '* int64))
(define tcmd (function "obe_tcmd" uintptr_t '* int64 '* int64 '* int64))
(define serve (function "obe_serve" uintptr_t '* '* '*))
(define reply (function "obe_reply" uintptr_t '* int64 int64))

(define timeout 20000)
(define forever -1)
(define ended '(-8006 -8002)) ; OBE_E_CLOSED, or OBE_E_HANDLE if the handle was freed before the call

(define (check got . wanted)
  (if (not (memv got wanted))
      (begin (format (current-error-port) "got ~a, wanted ~a\n" got wanted) (primitive-exit 1))))

(define (create-socket create address port)
  (let ((handle (make-bytevector (sizeof uintptr_t))))
    (check (create address port (bytevector->pointer handle)) 0)
    (bytevector-uint-ref handle 0 (native-endianness) (sizeof uintptr_t))))

(define (port server)
  (let ((number (make-bytevector 4)))
    (check (port-of server (bytevector->pointer number)) 0)
    (bytevector-s32-native-ref number 0)))

(define (wait server)
  (let ((buffer (make-bytevector 16)) (length (make-bytevector 8)))
    (receive server (bytevector->pointer buffer) 16 (bytevector->pointer length) forever)))

;; Threads that wait for messages: one polls the sockets, the other waits for the first.
(define silent (create-socket server-new %null-pointer 0))
(define waiting (list (call-with-new-thread (lambda () (wait silent))) (call-with-new-thread (lambda () (wait silent)))))

;; A thread whose callback answers each message.
(define echo (create-socket server-new %null-pointer 0))
(define answer
  (procedure->pointer void (lambda (request user) (reply request (string->pointer "[2]") -1 timeout)) (list uintptr_t '*)))
(define serving (call-with-new-thread (lambda () (serve echo answer %null-pointer %null-pointer))))

;; A thread that sends messages.
(define client (create-socket client-new %null-pointer (port echo)))
(define exchanges 0)
(define done #f)
(define sending
  (call-with-new-thread
    (lambda ()
      (let ((buffer (make-bytevector 16)) (length (make-bytevector 8)) (text (string->pointer "[1]")))
        (while (not done)
          (check (tcmd client text -1 (bytevector->pointer buffer) 16 (bytevector->pointer length) timeout) 0)
          (set! exchanges (+ exchanges 1)))))))

(let loop ((rounds 0))
  (if (or (< rounds 50) (< exchanges 50))
      (begin (gc) (usleep 1000) (loop (+ rounds 1)))))
(set! done #t)
(join-thread sending)
(for-each (lambda (handle) (check (free handle) 0)) (list silent echo client))
(for-each (lambda (thread) (apply check (join-thread thread) ended)) (cons serving waiting))

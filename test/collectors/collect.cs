// The library in Mono, whose garbage collector stops all threads, while threads wait in the library, exchange messages,
// and run callbacks. Exits with 0. The failure that this program would show is a collection that hangs.
using System;
using System.Runtime.InteropServices;
using System.Threading;

class Collect
{
    const int Timeout = 20000, Forever = -1;
    static readonly int[] Ended = { -8006, -8002 }; // OBE_E_CLOSED, or OBE_E_HANDLE if the handle was freed before the call

    delegate void Handler(UIntPtr request, IntPtr user);

    [DllImport("obe")] static extern int obe_client_new(string address, int port, out UIntPtr client);
    [DllImport("obe")] static extern int obe_server_new(string address, int port, out UIntPtr server);
    [DllImport("obe")] static extern int obe_free(UIntPtr socket);
    [DllImport("obe")] static extern int obe_port(UIntPtr server, out int port);
    [DllImport("obe")] static extern int obe_serve(UIntPtr server, Handler handler, IntPtr user, IntPtr stop);
    [DllImport("obe")] static extern int obe_reply(UIntPtr request, string json, long length, long timeout);
    [DllImport("obe")] static extern int obe_receive(UIntPtr socket, byte[] buffer, long capacity, out long length, long timeout);
    [DllImport("obe")] static extern int obe_tcmd(UIntPtr client, string json, long length, byte[] reply, long capacity, out long replyLength, long timeout);

    static void Check(int got, params int[] wanted)
    {
        if (Array.IndexOf(wanted, got) >= 0)
            return;
        Console.Error.WriteLine("got {0}, wanted {1}", got, string.Join(" or ", wanted));
        Environment.Exit(1);
    }

    // Starts a thread, and returns after its first call of the library: the first calls of two threads and a collection
    // at the same time may deadlock unless MONO_THREADS_SUSPEND=coop (docs/limits.md).
    static Thread Start(UIntPtr server, ThreadStart body)
    {
        var called = new ManualResetEvent(false);
        var thread = new Thread(() => {
            int port;
            Check(obe_port(server, out port), 0);
            called.Set();
            body();
        });
        thread.Start();
        called.WaitOne();
        return thread;
    }

    static int Main()
    {
        UIntPtr silent, echo, client;
        int port, exchanges = 0;
        bool done = false;

        // Threads that wait for messages: one polls the sockets, the other waits for the first.
        Check(obe_server_new(null, 0, out silent), 0);
        ThreadStart wait = () => {
            long length;
            Check(obe_receive(silent, new byte[16], 16, out length, Forever), Ended);
        };
        var waiting = new[] { Start(silent, wait), Start(silent, wait) };

        // A thread whose callback answers each message, and one that sends messages.
        Handler answer = (request, user) => obe_reply(request, "[2]", -1, Timeout);
        Check(obe_server_new(null, 0, out echo), 0);
        var serving = Start(echo, () => Check(obe_serve(echo, answer, IntPtr.Zero, IntPtr.Zero), Ended));
        Check(obe_port(echo, out port), 0);
        Check(obe_client_new(null, port, out client), 0);
        var sending = Start(echo, () => {
            long length;
            while (!Volatile.Read(ref done)) {
                Check(obe_tcmd(client, "[1]", -1, new byte[16], 16, out length, Timeout), 0);
                Interlocked.Increment(ref exchanges);
            }
        });

        for (int rounds = 0; rounds < 50 || Volatile.Read(ref exchanges) < 50; rounds++) {
            GC.Collect();
            Thread.Sleep(1);
        }
        Volatile.Write(ref done, true);
        sending.Join();
        foreach (var handle in new[] { silent, echo, client })
            Check(obe_free(handle), 0);
        foreach (var thread in waiting)
            thread.Join();
        serving.Join();
        GC.KeepAlive(answer);
        return 0;
    }
}

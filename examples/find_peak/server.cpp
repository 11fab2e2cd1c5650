/*
 * An experiment-design server: it chooses the settings at which a measurement is most informative about the parameters
 * of a model, here a dip in a spectrum, and estimates them from all measurements. README.md explains the method.
 *
 *     c++ -std=c++17 -O3 server.cpp $(pkg-config --cflags --libs libobe) -o server
 *     ./server --port 61981
 *
 * Ctrl-C ends it, and so does the command done.
 *
 * Any client of the OBE protocol can be the instrument; instrument.c and instrument.py are two.
 */
#include "obe.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <iostream>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

struct range {
    double low, high;
};

// ---- The experiment: edit this part for your own ---------------------------------------------------------------------

// The unknown parameters, and the range of each of them, in which all values are equally probable before the first
// measurement. Replies contain the parameters in this order.
enum { CENTRE, DEPTH, WIDTH, PARAMETERS };
using point = std::array<double, PARAMETERS>;
const std::array<range, PARAMETERS> PRIOR{{{1.5, 3.5}, {0.02, 0.1}, {0.01, 0.05}}}; // in GHz, of the signal, in GHz

// The model: the signal that is expected at a setting, here a Lorentzian dip below 1.
inline double signal(double setting, const point &p)
{
    const double u = (setting - p[CENTRE]) * 2 / p[WIDTH];
    return 1 - p[DEPTH] / (u * u + 1);
}

// The settings to choose from, unless newrun specifies others, and the noise of a measurement until newdat reports it.
const range SETTINGS{1.5, 3.5};
const int STEPS = 200;
const double NOISE = 0.005;

// ---- The designer ----------------------------------------------------------------------------------------------------

const std::size_t DRAWS = 30; // particles that the utility is computed from
const double SHRINK = 0.98;   // resampling multiplies the distance from the mean by it; a in Liu and West
const double SURPRISE = 6;    // standard deviations between a measurement and all particles that cannot be chance

/// The knowledge about the parameters: a cloud of particles, which are points in parameter space, with weights.
struct designer {
    std::vector<double> settings;
    std::array<std::vector<double>, PARAMETERS> particles; // an array for each parameter, so that the
    std::vector<double> log_weight, weight;                // compiler can use vector instructions
    double noise = NOISE;
    double surprise = 0; // the largest distance of a measurement from all particles, in its standard deviations
    std::mt19937_64 random;

    designer(std::size_t size, std::uint64_t seed) : log_weight(size), weight(size), random(seed)
    {
        for (auto &values : particles)
            values.resize(size);
        begin(SETTINGS, STEPS);
    }

    /// Begins a new run without data.
    void begin(range limits, int steps)
    {
        settings.clear();
        for (int i = 0; i < steps; i++)
            settings.push_back(limits.low + (limits.high - limits.low) * i / (steps - 1));
        for (std::size_t k = 0; k < PARAMETERS; k++)
            for (double &value : particles[k])
                value = uniform(PRIOR[k].low, PRIOR[k].high);
        level();
        noise = NOISE;
        surprise = 0;
    }

    /// Learns from the measurement y ± s at setting x.
    void learn(double x, double y, double s)
    {
        surprise = std::max(surprise, update(x, y, s, 8));
        noise = s;
    }

    /// Why the posterior cannot be trusted, as sentences.
    std::vector<std::string> warnings() const
    {
        std::vector<std::string> result;
        if (surprise > SURPRISE)
            result.push_back(
                "A measurement was too far away from every guess to be chance: it is an outlier, its noise "
                "is larger than reported, or the model is wrong. Begin a new run.");
        for (std::size_t k = 0; k < PARAMETERS; k++)
            if (pressed(k))
                result.push_back("Parameter " + std::to_string(k + 1) + " is at a bound of its prior, or beyond.");
        return result;
    }

private:
    /// Bayes' rule: multiplies the weights by the likelihood of the measurement y ± s at setting x. It adds logarithms,
    /// and shifts the largest to 0, since the product of many measurements is less than the smallest double.
    ///
    /// A measurement that agrees with only a few particles is split into two equivalent ones, y ± √2 s twice. Between
    /// them the particles are resampled to where they agree.
    ///
    /// It returns the distance of the measurement from the nearest particle, in standard deviations.
    double update(double x, double y, double s, int halvings)
    {
        double nearest = INFINITY;
        std::vector<double> logs(size()), updated(size());
        for (std::size_t i = 0; i < size(); i++) {
            const double residual = (y - signal(x, particle(i))) / s;
            logs[i] = log_weight[i] - 0.5 * residual * residual;
            nearest = std::min(nearest, weight[i] > 0 ? std::abs(residual) : INFINITY);
        }
        const double largest = *std::max_element(logs.begin(), logs.end());
        if (!std::isfinite(largest))
            throw std::invalid_argument("y is too many s away from every signal that the model can produce");
        double sum = 0, squares = 0;
        for (std::size_t i = 0; i < size(); i++) {
            logs[i] -= largest;
            updated[i] = std::exp(logs[i]);
            sum += updated[i];
            squares += updated[i] * updated[i];
        }

        const double share = sum * sum / squares / static_cast<double>(size()); // the effective size of the cloud
        if (share < 0.1 && halvings > 0) {
            update(x, y, s * std::sqrt(2.0), halvings - 1);
            update(x, y, s * std::sqrt(2.0), halvings - 1);
        } else {
            log_weight.swap(logs);
            for (std::size_t i = 0; i < size(); i++)
                weight[i] = updated[i] / sum;
            if (share < 0.5)
                resample();
        }
        return nearest;
    }

public:
    /// The setting where a measurement is most informative.
    double best()
    {
        const std::vector<double> u = utility();
        return settings[static_cast<std::size_t>(std::max_element(u.begin(), u.end()) - u.begin())];
    }

    /// A setting drawn with a probability proportional to utility^pickiness, which explores more than the best one.
    double good(double pickiness)
    {
        std::vector<double> u = utility();
        const double largest = *std::max_element(u.begin(), u.end());
        for (double &value : u)
            value = largest > 0 ? std::pow(value / largest, pickiness) : 1; // none is informative: all are equal
        return settings[std::discrete_distribution<std::size_t>(u.begin(), u.end())(random)];
    }

    point mean() const
    {
        point result{};
        for (std::size_t k = 0; k < PARAMETERS; k++)
            for (std::size_t i = 0; i < size(); i++)
                result[k] += weight[i] * particles[k][i];
        return result;
    }

    std::array<point, PARAMETERS> covariance() const
    {
        const point centre = mean();
        std::array<point, PARAMETERS> result{};
        for (std::size_t i = 0; i < size(); i++)
            for (std::size_t k = 0; k < PARAMETERS; k++)
                for (std::size_t l = 0; l < PARAMETERS; l++)
                    result[k][l] += weight[i] * (particles[k][i] - centre[k]) * (particles[l][i] - centre[l]);
        return result;
    }

    /// The covariance; of what cannot be trusted, the variance is at least that of the prior.
    std::array<point, PARAMETERS> uncertainty() const
    {
        std::array<point, PARAMETERS> result = covariance();
        for (std::size_t k = 0; k < PARAMETERS; k++)
            if (surprise > SURPRISE || pressed(k))
                result[k][k] = std::max(result[k][k], prior_variance(k));
        return result;
    }

    point deviation() const
    {
        const std::array<point, PARAMETERS> squares = uncertainty();
        point result;
        for (std::size_t k = 0; k < PARAMETERS; k++)
            result[k] = std::sqrt(squares[k][k]);
        return result;
    }

private:
    std::size_t size() const { return weight.size(); }

    static double prior_variance(std::size_t k) { return std::pow(PRIOR[k].high - PRIOR[k].low, 2) / 12; }

    /// Whether a parameter that seems to be known is at a bound of its prior: the true value may be beyond it.
    bool pressed(std::size_t k) const
    {
        const double value = mean()[k], known = std::sqrt(covariance()[k][k]);
        return known < 0.1 * std::sqrt(prior_variance(k)) &&
               (value - PRIOR[k].low < 1.5 * known || PRIOR[k].high - value < 1.5 * known);
    }

    point particle(std::size_t i) const
    {
        point p;
        for (std::size_t k = 0; k < PARAMETERS; k++)
            p[k] = particles[k][i];
        return p;
    }

    double uniform(double low, double high) { return std::uniform_real_distribution<>(low, high)(random); }

    /// Makes all particles equally probable.
    void level()
    {
        std::fill(log_weight.begin(), log_weight.end(), 0.0);
        std::fill(weight.begin(), weight.end(), 1.0 / static_cast<double>(size()));
    }

    /// Systematic resampling: draws particles at equal distances along the running sum of their weights.
    std::vector<std::size_t> draw(std::size_t count)
    {
        std::vector<std::size_t> drawn(count);
        const double distance = 1 / static_cast<double>(count);
        double next = uniform(0, distance), sum = weight[0];
        std::size_t i = 0;
        for (std::size_t &chosen : drawn) {
            while (sum < next && i + 1 < size())
                sum += weight[++i];
            chosen = i;
            next += distance;
        }
        return drawn;
    }

    /// Moves the particles to where the weight is. Each one is displaced at random, so that they do not become copies of
    /// a few, and moved towards the mean by the amount that preserves the mean and covariance of the cloud: J. Liu,
    /// M. West, "Combined parameter and state estimation in simulation-based filtering", 2001.
    void resample()
    {
        const point centre = mean();
        const std::array<point, PARAMETERS> root = square_root(covariance());
        const double displacement = std::sqrt(1 - SHRINK * SHRINK);
        const auto old = particles;
        const std::vector<std::size_t> drawn = draw(size());
        std::normal_distribution<> gauss;
        for (std::size_t i = 0; i < size(); i++) {
            point z, moved;
            for (double &value : z)
                value = gauss(random);
            bool inside = true;
            for (std::size_t k = 0; k < PARAMETERS; k++) {
                moved[k] = SHRINK * old[k][drawn[i]] + (1 - SHRINK) * centre[k];
                for (std::size_t l = 0; l <= k; l++)
                    moved[k] += displacement * root[k][l] * z[l];
                inside = inside && PRIOR[k].low <= moved[k] && moved[k] <= PRIOR[k].high;
            }
            for (std::size_t k = 0; k < PARAMETERS; k++)
                particles[k][i] = inside ? moved[k] : old[k][drawn[i]]; // no displacement leaves the prior
        }
        level();
    }

    /// The lower triangular matrix L with L Lᵀ = matrix (Cholesky); a direction of zero variance has zeros in L.
    static std::array<point, PARAMETERS> square_root(const std::array<point, PARAMETERS> &matrix)
    {
        std::array<point, PARAMETERS> root{};
        for (std::size_t k = 0; k < PARAMETERS; k++)
            for (std::size_t l = 0; l <= k; l++) {
                double rest = matrix[k][l];
                for (std::size_t m = 0; m < l; m++)
                    rest -= root[k][m] * root[l][m];
                root[k][l] = k == l ? std::sqrt(std::max(rest, 0.0)) : root[l][l] > 0 ? rest / root[l][l] : 0;
            }
        return root;
    }

    /// The expected information of a measurement at each setting: log(1 + V / noise²), where V is the variance of the
    /// signals that randomly drawn particles predict. For a normal distribution it is twice the mutual information.
    std::vector<double> utility()
    {
        std::vector<double> average(settings.size()), squares(settings.size());
        double count = 0;
        for (std::size_t i : draw(DRAWS)) {
            const point p = particle(i);
            const double share = 1 / ++count;
            for (std::size_t j = 0; j < settings.size(); j++) {
                const double y = signal(settings[j], p), off = y - average[j];
                average[j] += off * share;
                squares[j] += off * (y - average[j]);
            }
        }
        for (double &value : squares)
            value = std::log1p(value / count / (noise * noise));
        return squares;
    }
};

// ---- The commands ----------------------------------------------------------------------------------------------------

const double PICKINESS = 4;   // default of goodset: 0 draws all settings alike, larger values prefer the best
const double LARGEST = 1e100; // limit of every number, so that squares do not overflow
const int MOST_STEPS = 100000;

/// The member `name` of a request, from low to high: a number, or a list of one number. Without a default_value it is
/// required.
static double number(const obe::message &request, const std::string &name, double low, double high,
                     double default_value = NAN)
{
    std::string pointer = "/" + name;
    if (!request.contains(pointer)) {
        if (std::isnan(default_value))
            throw std::invalid_argument(name + " is missing");
        return default_value;
    }
    if (request.type(pointer) == OBE_ARRAY && request.count(pointer) == 1)
        pointer += "/0";
    const std::int32_t type = request.type(pointer);
    const double value = type == OBE_INTEGER || type == OBE_REAL ? request.get<double>(pointer) : NAN;
    if (!(low <= value && value <= high)) // also rejects NaN
        throw std::invalid_argument(name + " must be a number from " + obe::to_json(low) + " to " + obe::to_json(high) +
                                    ", or a list of one such number");
    return value;
}

/// Refuses a newrun with a member that is misspelled, or meant for another server: the run would measure elsewhere than
/// its client wants. Of other commands, unknown members are ignored, as the protocol recommends.
static void refuse_unknown_members(const obe::message &request)
{
    for (std::size_t i = 0; i < request.count(""); i++) {
        const std::string name = request.key("", i);
        if (name != "command" && name != "lolim" && name != "hilim" && name != "steps")
            throw std::invalid_argument("unknown member \"" + name + "\"; newrun has lolim, hilim and steps");
    }
}

/// What the numbers are, for programs that show them, such as obe watch. The reply also has trusted and warnings.
static const char *const DESCRIPTION = R"({"title": "find_peak",
"settings": [{"name": "frequency", "unit": "GHz"}], "channels": [{"name": "signal"}],
"parameters": [{"name": "centre", "unit": "GHz"}, {"name": "depth"}, {"name": "width", "unit": "GHz"}]})";

/// The command of a request; empty if it has none.
static std::string command_of(const obe::message &request)
{
    const bool has_one = request.contains("/command") && request.type("/command") == OBE_STRING;
    return has_one ? request.get<std::string>("/command") : "";
}

/// The reply to a request.
static obe::json_text answer(designer &experiment, const obe::message &request)
{
    const std::string command = command_of(request);
    const obe::json_text ok = obe::to_json("OK");
    if (command == "ready" || command == "done")
        return ok;
    if (command == "describe") {
        const std::vector<std::string> warnings = experiment.warnings();
        return obe::message(DESCRIPTION).set("trusted", warnings.empty()).set("warnings", warnings).json();
    }
    if (command == "newrun") {
        refuse_unknown_members(request);
        const double low = number(request, "lolim", -LARGEST, LARGEST, SETTINGS.low);
        const double high = number(request, "hilim", -LARGEST, LARGEST, SETTINGS.high);
        const double steps = number(request, "steps", 2, MOST_STEPS, STEPS);
        if (!(low < high) || steps != std::floor(steps))
            throw std::invalid_argument("lolim must be less than hilim, and steps a whole number");
        if (high < SETTINGS.low || low > SETTINGS.high) // perhaps in another unit, such as MHz
            throw std::invalid_argument("no setting from lolim to hilim is in the range of this experiment, " +
                                        obe::to_json(SETTINGS.low) + " to " + obe::to_json(SETTINGS.high));
        experiment.begin({low, high}, static_cast<int>(steps));
        return ok;
    }
    if (command == "newdat") {
        const double x = number(request, "x", -LARGEST, LARGEST), y = number(request, "y", -LARGEST, LARGEST);
        experiment.learn(x, y, number(request, "s", 1 / LARGEST, LARGEST));
        return ok;
    }
    if (command == "goodset")
        return obe::to_json({experiment.good(number(request, "pickiness", 0, LARGEST, PICKINESS))});
    if (command == "optset")
        return obe::to_json({experiment.best()});
    if (command == "getmean")
        return obe::to_json(experiment.mean());
    if (command == "getstd")
        return obe::to_json(experiment.deviation());
    if (command == "getcov")
        return obe::to_json(experiment.uncertainty());
    if (command == "getset")
        return obe::to_json({experiment.settings});
    if (command == "getpar" || command == "getpdf")
        return obe::to_json(experiment.particles);
    if (command == "getwgt")
        return obe::to_json(experiment.weight);
    if (command == "getcon")
        return obe::json_text("[]"); // the model has parameters only
    throw std::invalid_argument(
        "unknown command; known are ready, describe, getset, getpar, getcon, getwgt, getpdf, newrun, optset, "
        "goodset, newdat, getmean, getstd, getcov and done");
}

static volatile std::sig_atomic_t stop = 0; // ends serve

extern "C" void end(int) { stop = 1; } // no function of the library may be called in a signal handler

static void end_on_signals()
{
#ifdef _WIN32
    std::signal(SIGINT, end);
#else
    struct sigaction action = {};
    action.sa_handler = end;
    action.sa_flags = static_cast<int>(SA_ONSTACK | SA_RESETHAND); // Go's runtime in the library needs SA_ONSTACK
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
#endif
}

static void serve(const std::string &address, int port, std::size_t size, std::uint64_t seed)
{
    designer experiment(size, seed);
    obe::server server(address, port);
    end_on_signals();
    std::cout << "find_peak server listening on port " << server.port() << std::endl;
    const auto handle = [&experiment](const obe::request &request) {
        const std::chrono::seconds limit(5); // a client that does not read must not block the others
        obe::json_text reply;
        try {
            reply = answer(experiment, request);
        } catch (const std::exception &e) { // an invalid request must not stop the server
            obe::message error(R"({"error": null, "command": null})");
            error.set("error", e.what());
            if (!command_of(request).empty())
                error.set("command", command_of(request));
            reply = error.json();
        }
        try {
            request.reply(reply, limit);
        } catch (const obe::error &e) { // a reply that is too large must not either
            std::cerr << "server: " << e.what() << std::endl;
        }
        if (command_of(request) == "done")
            stop = 1;
    };
    server.serve(handle, stop);
}

// ---- The command line ------------------------------------------------------------------------------------------------

static const char USAGE[] = " [--address ADDRESS] [--port PORT] [--particles N] [--seed N] [--help]\n"
                            "  --address    the address to listen on (default: this computer only)\n"
                            "  --port       its port; 0 lets the system choose (default: 61981)\n"
                            "  --particles  the number of particles (default: 10000)\n"
                            "  --seed       makes every draw repeatable\n"
                            "  --help       prints this text\n";

/// The whole number that is the value of an option.
static std::uint32_t whole(const std::map<std::string, std::string> &options, const std::string &name,
                           std::uint32_t low, std::uint32_t high)
{
    const std::string &text = options.at(name);
    const bool digits = !text.empty() && text.size() < 19 && text.find_first_not_of("0123456789") == std::string::npos;
    const std::uint64_t value = digits ? std::stoull(text) : 0;
    if (!digits || value < low || value > high)
        throw std::invalid_argument(name + ": \"" + text + "\" is not a whole number from " + std::to_string(low) +
                                    " to " + std::to_string(high));
    return static_cast<std::uint32_t>(value);
}

int main(int argc, char **argv)
{
    std::map<std::string, std::string> options{{"--address", ""},
                                               {"--port", std::to_string(OBE_DEFAULT_PORT)},
                                               {"--particles", "10000"},
                                               {"--seed", std::to_string(std::random_device()())}};
    for (int i = 1; i < argc; i += 2) {
        const std::string name = argv[i];
        if (name == "--help") {
            std::cout << "usage: " << argv[0] << USAGE;
            return 0;
        }
        const bool known = options.count(name) == 1;
        if (!known || i + 1 == argc) {
            std::cerr << argv[0] << ": " << name << (known ? " needs a value\n" : " is not an option\n")
                      << "usage: " << argv[0] << USAGE;
            return 2;
        }
        options[name] = argv[i + 1];
    }
    int failed = 2; // by the command line, until that is read
    try {
        const int port = static_cast<int>(whole(options, "--port", 0, 65535));
        const std::size_t size = whole(options, "--particles", 100, 1000000);
        const std::uint64_t seed = whole(options, "--seed", 0, UINT32_MAX);
        failed = 1;
        serve(options["--address"], port, size, seed);
    } catch (const std::exception &e) {
        std::cerr << argv[0] << ": " << e.what() << std::endl;
        return failed;
    }
    return 0;
}

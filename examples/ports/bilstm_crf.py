# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""A BiLSTM-CRF names the entities in two sentences: the tagger of PyTorch's tutorials."""

import torch
from torch import nn


class BiLSTMCRF(nn.Module):
    def __init__(self, words, tags, embedding_dim, hidden_dim):
        super().__init__()
        self.embedding = nn.Embedding(words, embedding_dim)
        self.lstm = nn.LSTM(embedding_dim, hidden_dim, bidirectional=True)
        self.hidden2tag = nn.Linear(2 * hidden_dim, tags)
        self.start_transitions = nn.Parameter(torch.empty(tags).uniform_(-0.1, 0.1))
        self.end_transitions = nn.Parameter(torch.empty(tags).uniform_(-0.1, 0.1))
        self.transitions = nn.Parameter(torch.empty(tags, tags).uniform_(-0.1, 0.1))

    def emissions(self, sentence):
        out, _ = self.lstm(self.embedding(sentence))
        return self.hidden2tag(out)  # (T,tags)

    def score(self, emissions, tags):
        score = self.start_transitions[tags[0]] + self.end_transitions[tags[-1]]
        score = score + emissions.gather(1, tags.unsqueeze(1)).sum()
        return score + self.transitions[tags[:-1], tags[1:]].sum()

    def partition(self, emissions):
        alpha = self.start_transitions + emissions[0]
        for emission in emissions[1:]:
            alpha = torch.logsumexp(alpha.unsqueeze(1) + self.transitions, 0) + emission
        return torch.logsumexp(alpha + self.end_transitions, 0)

    def log_likelihood(self, sentence, tags):
        emissions = self.emissions(sentence)
        return self.score(emissions, tags) - self.partition(emissions)

    def decode(self, sentence):
        emissions = self.emissions(sentence)
        score = self.start_transitions + emissions[0]
        history = []
        for emission in emissions[1:]:
            score, best = (score.unsqueeze(1) + self.transitions).max(0)
            score = score + emission
            history.append(best)
        path = [(score + self.end_transitions).argmax().item()]
        for best in reversed(history):
            path.append(best[path[-1]].item())
        return path[::-1]


def to_numbers(text, vocabulary):
    return torch.tensor([vocabulary.setdefault(word, len(vocabulary)) for word in text.split()])


training_data = [
    ("the wall street journal reported today that apple corporation made money", "B I I I O O O B I O O"),
    ("georgia tech is a university in georgia", "B I O O O O B"),
]
words, tags = {}, {}
corpus = [(to_numbers(sentence, words), to_numbers(names, tags)) for sentence, names in training_data]
torch.manual_seed(0)
model = BiLSTMCRF(len(words), len(tags), 8, 8)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=1e-4)
for epoch in range(41):
    total = 0
    for sentence, names in corpus:
        loss = -model.log_likelihood(sentence, names)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    if epoch % 10 == 0:
        print(f"epoch {epoch:2}  loss {total:.4f}")
names = list(tags)
with torch.no_grad():
    for sentence, _ in corpus:
        print(" ".join(names[tag] for tag in model.decode(sentence)))

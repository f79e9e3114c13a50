import { phrasesOf as phrases, wordsOf as words } from './split-words.ts';

/** The words of the default rule set for chats. Traditional characters and other spellings need no words of their own. */

export const chatLists = {
  // Chinese: whom users ask for
  human: words(
    `人工 人工坐席 真人 活人 客服真人 人功 人公 人共 仁工 任工 仁公 ren工 人gong rengong 接线员 话务员 人エ 亾工 人类 zhenren`,
  ),
  service: words(
    `客服 在线客服 服务人员 小二 店小二 专员 专人 顾问 agent human 接线员 经理 主管 负责人 领导 老板 店长 店主 掌柜 上级 能做主的 做主的人 管理员 管事的 管事儿的 管理人员 话事人 当家的 值班经理 技术人员`,
  ),
  someone: words(
    `人 个人 一个人 个活人 活人 个真人 一位同事 个同事 位同事 同事 工作人员 一位工作人员 个工作人员 个懂的人 专业的人 专业人员 个明白人 员工`,
  ),
  // Chinese: what users do to reach them
  transfer: words(`转 转接 接 切 换 改成 呼叫 召唤 找 叫 喊 联系 联络 连线 连接 请求 申请 要求 安排 派 摇 唤 传唤`),
  typo_transfer: words('专 砖 传 赚 转工 zhuan 转借 装 撰 转结'),
  /** Only a person can be asked to act like that. */
  real_person: words(
    `长脑子的人 有脑子的人 懂行的人 懂的人 明白人 正常人 能说话的人 会说话的人 能听懂的人 听得懂的人 会喘气的 喘气的 有血有肉的人 能拍板的 说了算的 能管事的人 个亾 亾 人儿 个人儿 个活的 活的`,
  ),
  colleague: words('同事 你同事 你们同事 别的同事 工作人员 员工 专员 专人 小姐姐 那边的人 你们的人 你们那边的人'),
  hand_to: words('交给 转给 推给 换 找 找个 让 请 叫 派 接 喊 安排'),
  to_me: words('联系我 帮我 跟我 和我 给我 处理 核实 核一下 看一下 加我 找我 教我 教教我 接手 接管 上 说 来 行吗 吧'),
  phone_me: words(
    '打给我 打电话给我 打个电话给我 给我打电话 给我打个电话 给我来个电话 来个电话 给我回电 给我回个电话 回我电话 回个电话 回电 电话联系我 立刻打过来 打过来',
  ),
  ask_for: words('请 麻烦 能不能 可不可以 可以 可否 能否 让 叫 必须 赶紧 马上 立刻 快 希望 我要 有人 安排 要求 尽快'),
  come_out: words('出来 站出来 出面 滚出来 露面 接电话 听电话 回我 给我打 说话'),
  in_charge: words('专员 专人 主管 经理 负责人 工作人员 值班经理 店长 坐席'),
  here: words('在吗 在不在 在么 在嘛 在线吗 在线么 有人吗'),
  person: words('人 个人 一个人 活人 别人 真人'),
  want: words(
    '我要 我想 想 要 需 希望 问一下 咨询 我需要 给我 给俺 给个 来个 来位 整个 整一个 弄个 弄一个 上个 请个 求 必须 只要 只想',
  ),
  polite: words('麻烦 请 烦请 拜托 劳烦 有劳 辛苦'),
  strong_call: words('转 接 换 找 叫 喊 呼叫 派 安排 摇 请 要见 想见'),
  ask_there: words('有没有 有无 有没 有冇 有咩 有得 在不在'),
  ask_end: words('吗 么 没 嘛 不 否 伐 莫 冇 咩'),
  where: words('呢 在哪 去哪了 去哪里了 死哪去了 哪去了 在吗 在不在 在线吗 有吗 有没有 能不能来'),
  gone: words('呢 在哪 去哪了 去哪里了 死哪去了 哪去了 人呢'),
  how: words('怎么 如何 怎样 咋 点样 哪里 在哪 可不可以 可以 能 可否 方便'),
  help_me: words('帮我 给我 替我 我要 我想 让我 我需要 帮忙 给俺 帮俺'),
  with: words('跟 和 同 与 找 让 叫'),
  talk: words('说 聊 谈 沟通 讲 倾 交流 对话 反映 反应 通话 唠 掰扯 联系 来'),
  act: words(
    '教 弄 整 回我 接手 来 跟 和 给 帮 处理 解决 说 聊 谈 回复 回答 接待 接电话 打电话 打个电话 联系 看 对接 负责 讲 行不行 核实 查 搞 弄 同 管',
  ),
  come: words('来 出来 出面 接 跟 和 同 给 打 过来 听电话 讲话 说话 联系 回 处理 见'),
  call: words('寻 找 叫 喊 派 来 换 安排 让 请 给 摇'),
  boss: words('经理 主管 负责人 领导 老板 店长 店主 掌柜 上级 管事的 话事人 管理人员 老总 头儿'),
  handle: words('介入 才能 处理 协助 解决 帮我 帮忙 接待 服务 来 回复 接听 审核一下 看一下 看看'),
  refuse: words('不想 不要 不愿 不和 不跟 别 懒得 不需要 不是机器人 讨厌 烦死 受够 不找 不用'),
  bot: words('智能客服 机械人 自动回复 人工智障 ai robot bot 智能助手 机器'),
  bot_stop: words('别回 别说 别发 别烦 走开 闭嘴 滚 一边去 别来'),
  for_you: words('为您 为你 帮您 给您 替您 如需 若需 若要 已为 需要的话'),
  thing: words(
    `智能 费 湖 草 钻 宝石 水晶 降雨 降雪 增雨 合成 培育 浇水 授粉 成本 制 造 打磨 种植 心脏 呼吸 关节 皮 色素 砍 搬 清洗 操作 组装 雕 选 采摘 饲养 喂养 安装 拆 剪 景观 泳池 程 具 业 厂 地 序 晶体 骨 血管 除草 施肥 采集 手绘 现做 挖 修建 建造 雪 冰`,
  ),
  human_thing: words(
    '大小 版 秀 实拍 发 身高 图 照 拍 cs 模特 等高 比例 电影 出镜 试穿 试戴 演示 视频 头发 假发 配音 骑',
  ),
  closed_times: words('周末 周六 节假日 假日 晚上 夜里 夜间 明天 国庆 几点'),
  past_want: words('本来想 原本想 原来想 刚才想 刚想 本想 本来要 本来打算'),
  done_by: words('昨天 前天 上次 上周 刚才 之前 已经有'),
  about: words(
    '时间 什么意思 啥意思 是什么 是啥 收费 要钱 要收费 几点 上班时间 工作时间 和智能 和机器 与机器 有什么区别 的区别 干什么 干嘛 的功能 的按钮 这个按钮 的时候 的时间',
  ),
  assist: words('帮 处理 解决 回复 回答 理我 管'),
  discount: words('优惠 便宜 打折 折扣 少点 申请 包邮 送 赠品 价格 议价 降价 抹零'),
  hire: words('招 应聘 做 当'),
  // English
  en_human:
    phrases(`hoomans|real prsn|prsn|real ppl|human|humans|human being|human beings|human agent|human agents|real human|live human|real person|actual person|live person|live agent|
    live agents|live chat agent|agent|agents|representative|representatives|rep|reps|support rep|service rep|operator|advisor|adviser|supervisor|manager|
    managers|customer service|customer support|customer care|support agent|support team|support person|human rep|human representative|actual human|human support|
    humen|hooman|humna|agnet|agant|reprsentative|representitive|real agent|real people|actual people|actual human being|real human being|live representative|
    live support|customer service agent|customer service representative|customer service rep|team member|staff member|member of staff|specialist|your boss|your staff`),
  en_person: phrases(
    'one of your colleagues|a colleague|your colleague|colleague|colleagues|somebody real|somebody who works there|whoever is in charge|person|someone|somebody|people|a guy|someone else|anyone|anybody|someone real|staff|the team|your team|someone from your team',
  ),
  en_reach:
    phrases(`talk to|talk with|talk 2|speak to|speak with|speak 2|chat with|chat to|connect me|connect me to|connect me with|connect to|connect with|transfer me|
    transfer me to|transfer to|tranfer me to|tranfer to|transfer this to|put me through|put me through to|put me on with|get me|give me|get hold of|get a hold of|reach|contact|
    trnsfer to|trnsfer me to|spk 2|spk to|spk with|tlk 2|put on|explain this to|explain it to|let me speak with|let me speak to|let me talk to|send|send me|forward me to|pass me to|pass me on to|escalate to|escalate this to|switch me to|switch to|hand me over to|call|find me|get through to|speek to|speek with|tlk to|
    talking to|speaking to|speaking with|talking with|deal with|discuss it with|discuss this with|hear from|route me to|patch me through to|direct me to|bring me|bring in`),
  en_want:
    phrases(`want|need|wanna|require|get|request|demand|prefer|would like|d like|i'd like|is there|can i have|may i have|could i get|can i get|
    where is|where's|asking for|ask for|waiting for|looking for|insist on`),
  en_article:
    phrases(`a|an|the|your|some|one of your|any|another|my|to a|to an|to the|to your|with a|with an|with your|with the|at a|an actual|a real|a live|an available|
    a proper|a different|a competent|in a|one of the|to one of your|me a|me an|me the|me your|to|with|real|actual`),
  en_act: phrases(
    'take over|take a look|look at this|look into this|reply to me|face me|deal with me|answer me|ring me|phone me|to|call me|help me|who can|that can|from|actually|on the phone|on the line|else',
  ),
  en_refuse:
    phrases(`don't want to talk to|don't want to speak to|do not want to talk to|dont want to talk to|don't want to chat with|stop with|tired of|sick of|enough of|
    fed up with|no more|not talking to|don't want|hate talking to|done with|not a|stop sending me|i don't want`),
  en_phone: phrases(
    `call me back|call me|phone me|ring me|give me a call|give me a ring|phone me back|ring me back|call my number|call me on`,
  ),
  en_ask_for: phrases(
    `please have someone|have someone|have somebody|can someone|could someone|can somebody|could somebody|please|someone should|someone must|i need someone to|just|get someone to|ask someone to|make someone|tell someone to`,
  ),
  en_put_on: phrases('put a|put the|put your|put me a|get a|get the|get your|let a|have a|have your|could a|can a'),
  en_boss: phrases(
    'human|supervisor|manager|person|real person|staff member|agent|human agent|team lead|member of staff|human being|representative',
  ),
  en_put_end: phrases(
    'on|on the line|on the phone|here|in here|call me|contact me|right now|take a look|look at this|help me|help',
  ),
  en_bot: phrases(
    'bot|bots|robot|robots|chatbot|chatbots|machine|automated answers|automated replies|automated responses|ai|canned answers|bot answers|bot replies',
  ),
  en_the: phrases('a|the|this|these|your|talking to a|talking to this|any|another|stupid|damn|with a|with this'),
};

export const complaintLists = {
  complaint: words('投su tou诉 投速 投塑 投苏 投訢 投诉 举报 投拆 投素 头诉 投述 投书 头素 偷诉 tousu 申诉'),
  intend: words(
    `我要 我想 要 想要 准备 打算 只能 只好 一定 肯定 必须 会 去 就 怎么 如何 怎样 哪里 在哪 马上 等着 向 到 找谁 正式 坚决 强烈 已 直接 我来 俺要 额要 这就 非要 现在 上平台 继续 再 早 天天 实名 联名 支持 还要`,
  ),
  target: words(
    `你 他 她 它 这 那个 商家 卖家 店 平台 客服 快递 骑手 到 电话 热线 邮箱 商品 恁 酒店 司机 物流 公司 渠道 入口 贵店 贵公司 某 没人 信 处理 一下`,
  ),
  give: words('给 打 送 留 必 直接 赏 一个 来个 奉上 等着 果断 只能'),
  bad_review: words('差评 一星 1星 零分 负分 0分'),
  shop: words('你 商家 店家 卖家 贵店 老板 客服 这 恁'),
  is: words('就是 是 都是 真是 这是 根本是 根本就是 全是 纯属 简直是 在 专门 明显是 净 一群 一帮 这群 是不是'),
  is_strong: words('就是 简直是 纯属 完全是 根本就是 根本是 明显是 摆明了 明摆着'),
  fraud: words(
    'pianzi 骗zi 骗孑 骗钞票 坑比 坑逼 坑老子 呃钱 呃人 骗子 骗人 骗钱 骗我 诈骗 欺诈 欺骗 奸商 黑店 坑人 坑爹 坑钱 忽悠 片子 黑心 无良 流氓 强盗 骗局 耍流氓 蒙人 敲诈 骗消费者 坑我',
  ),
  fraud_word: words(
    `坑比商家 坑逼商家 宰老客户 专宰老客户 宰客 杀熟 收钱不发货 收了钱不发货 收咗钱唔寄货 收钱唔发货 和诈骗有什么区别 跟诈骗有什么区别 与诈骗何异 出了人命 假货也敢卖 也敢拿出来卖 翻脸不认人 不认账 虚假宣传 假冒伪劣 欺骗消费者 欺诈消费者 坑害消费者 卖假货 售假 买到假货 收到假货 发假货 货不对板 当傻子 当猴耍 霸王条款 店大欺客 黑心商家 无良商家 骗子店 骗子商家 骗子公司 坑人玩意 坑人的 消费欺诈 退一赔三 假一赔三 食品安全问题 三无产品 以次充好 强买强卖 偷工减料 坑死我 被你们坑 被坑惨 被你们骗 上当受骗 欺人太甚 糊弄鬼 耍我`,
  ),
  service_noun: words(
    '服务 态度 售后 客服 质量 品质 物流 东西 做工 店 快递 配送 处理速度 效率 体验 购物体验 口味 玩意',
  ),
  very: words('太 很 真 非常 极 特别 超 实在 简直 真的 这么 那么 都 有多 巨 好 贼 老 忒 相当 十分 也太 是真'),
  bad: words('差 恶劣 垃圾 烂 次 糟 敷衍 拉垮 拉胯 恶心 坑 无语 离谱至极 不行 不好 不地道 不负责 不专业 不像话 失望'),
  not_shop: words('猫 狗 孩子 老公 老婆 室友 天气'),
  very_bad: words('差劲 恶劣 差得很 烂透 糟透了 差到极点 差极了 极差 垃圾 烂得很 一塌糊涂 稀烂 贼差 拉垮 拉胯'),
  trash: words(
    `什么破 破店 破公司 破玩意 垃圾店 垃圾东西 垃圾商家 垃圾服务 垃圾客服 垃圾质量 垃圾平台 垃圾公司 垃圾产品 垃圾快递 真垃圾 太垃圾 就是垃圾 是垃圾 一堆垃圾 真辣鸡 太辣鸡 辣鸡服务 辣鸡商家 什么态度 啥态度 乜态度 什么服务 啥服务 啥子服务 什么玩意 什么烂 乜嘢态度`,
  ),
  fury: words(
    `差评见 最烂的店 最差的店 耍人玩 坑老顾客 敷衍我 是摆设 怎么做生意 别骗人下单 良心不会痛 良心不痛吗 有没有良心 没有一句实话 一句真话都没有 睁眼说瞎话 说话不算话 说话不算数 出尔反尔 一颗星都嫌多 一星都嫌多 装死 不理人 没一个人搭理 没人搭理 一直没人理 比登天还难 就是这么办事的 这么办事的 这叫服务 就这服务 谁负责 每次都发错 不是第一次了 有够烂 这么没品 差到爆 走平台维权 申请平台介入 平台介入 要维权 平台维权 小红书见 微博见 抖音见 网上见 让更多人知道 避雷 挂你们 气死我 气死人 气死了 太过分 过分了 真过分 忍无可忍 不诚信 没诚信 没信用 不讲信用 不讲诚信 烂透 糟透 差到极点 太失望 很失望 非常失望 真失望 失望透顶 失望至极 让人失望 令人失望 让我失望 让我很失望 坑死 太恶心 恶心人 受够了 受够你们 再也不来 再也不买 再也不会买 再也不会来 再也不光顾 再也不会光顾 再也不会在你 最后一次买 太不负责 没人管 没人理 推来推去 踢皮球 互相推诿 拖到什么时候 拖到啥时候 没见过这么差 没见过这么烂 这么差的服务 这么烂的 太不像话 真不像话 不像话 给个说法 要个说法 讨个说法 给我个说法 必须给个说法 讨个公道 太欺负人 欺负人 欺负消费者 太无耻 无耻 不要脸 岂有此理 忒不地道 太不地道 太差劲 真差劲 太气人 太让人生气 很生气 非常生气 非常不满 很不满意 极其不满 十分不满 太离谱了吧你们 凭什么不退 凭什么不给退 寒心 太缺德 缺德 丧良心 良心被狗吃 等了半个月 三番五次`,
  ),
  en_complain:
    phrases(`on weibo|on social media|all goes on|going to the police|go to the police|i'm calling the police|file a complaint|make a complaint|lodge a complaint|submit a complaint|filing a complaint|making a complaint|raise a complaint|register a complaint|
    want to complain|have to complain|going to complain|need to complain|complain about|complain to|complaining to|formal complaint|official complaint|my complaint|a complaint about|
    complane|complaint against|here to complain|would like to complain|report you|report this seller|report this shop|report this store|reporting you|report your|report this company|
    bad review|negative review|one star review|1 star review|one star rating|1 star rating|terrible review|leave a review about how|zero stars`),
  en_fraud:
    phrases(`cheeters|cheaters|cheater|lying to me|stop lying|lying to your customers|you've been lying|is fake and|scam artists|crooks|is a scam|a total scam|a scam|such a scam|scammers|scammer|scamming|scammed|are thieves|thieves|thief|is fraud|pure fraud|committing fraud|fraudulent|fraudsters|rip off|ripoff|ripped off|ripping off|
    cheated me|cheating me|cheating customers|robbed me|stole my money|took my money|stealing my money|false advertising|liars|you lied|fake product|counterfeit|con artists|swindlers`),
  en_adjective: phrases(
    'terrible|horrible|awful|worst|poor|bad|lousy|pathetic|crap|garbage|appalling|atrocious|dreadful|useless|a joke|disgusting',
  ),
  en_service: phrases(
    'service|support|customer service|customer support|experience|store|shop|company|quality|seller|delivery|staff|product',
  ),
  en_is: phrases('is|was|are|were'),
  en_very: phrases('so|very|really|absolutely|just|truly|the|such|simply|extremely'),
  en_bad:
    phrases(`infuriating|unbelievable service|worst after-sales|worst after sales|got ignored|keep ignoring me|ignoring me|ignore me one more|not our problem|hiding behind|nobody has helped|no one has helped|worst service|worst customer service|worst experience|worst company|worst store|worst shop|terrible service|terrible experience|terrible support|terrible customer service|
    horrible service|horrible experience|awful service|awful experience|awful support|poor service|very poor service|poor customer service|bad service|pathetic|disgusting|disgusted|disgraceful|disgrace|
    unacceptable|outrageous|appalling|is a joke|are a joke|what a joke|is ridiculous|absolutely ridiculous|extremely disappointed|very disappointed|so disappointed|really disappointed|
    deeply disappointed|completely disappointed|fed up|never buying here again|never buying from you|never buy here again|never shopping here|never order again|never ordering|
    very unhappy with|extremely unhappy|furious|so angry|very angry|sick and tired|useless service|rude|garbage service|service sucks|you guys suck|this sucks|incompetent|absolute garbage|piece of junk`),
};

export const regulatorLists = {
  authority: words(
    `消协 消费者协会 消费者权益 消保委 消保官 消费者委员会 工商 市场监管 市场监督 市监局 监管部门 有关部门 相关部门 主管部门 质监局 食药监 药监局 物价局 媒体 记者 电视台 黑猫 信访 仲裁委 邮政局 邮管局 银保监会 315晚会 12305 公安 警察 派出所 法院 消费者保护`,
  ),
  sign: words('贴纸 标识 标牌 的贴'),
  hotline: words('12315 12345 12305 12300 12381 12378 12363'),
  go: words('打 告 找 向 去 上 到 跟 联系 反映 投诉 举报 拨打 致电 通知 请 捅 报'),
  threat: words('见 告 投诉 举报 反映 反馈 起诉 维权 替我 帮我 申诉 介入 处理 曝光 来'),
  legal: words(
    `律师发函 黑猫上 法庭上 起诉 法院见 法庭见 告到法院 上法院告 走法律 法律途径 法律程序 法律手段 法律责任 追究责任 联系律师 联系了律师 找律师 请律师 请了律师 我的律师 发律师函 报警 报了警 维权到底 曝光你 在网上曝光 去网上曝光 网上曝光 发到网上 发抖音 发微博 发小红书 微博上曝光 抖音曝光 集体诉讼 打官司 吃官司 告你 告死你 告恁 要告 去告 要维权 向平台举报 公之于众 找记者 找媒体`,
  ),
  en_authority:
    phrases(`consumer protection|better business bureau|bbb|trading standards|consumer affairs|attorney general|ombudsman|ftc|my lawyer|my attorney|lawyers|legal action|
    take you to court|see you in court|small claims|sue you|suing you|going to sue|will sue|sue your|chargeback|charge back|contact the police|call the police|calling the police|go to the media|
    go to the press|class action|dispute the charge|dispute this charge|report you to the authorities|consumer rights|regulator|to the authorities`),
};
